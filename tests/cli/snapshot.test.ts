// --snapshot and resume: a program that goes on in another process ends as if nothing had happened.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { GUESTS } from "../guests.ts";
import { ENGINES, type Outcome, run, SAGE, sage } from "../programs/command.ts";
import { rootOf, whyNoRoot } from "../programs/root.ts";

const THREADS = `
import hashlib, os, queue, threading, time
todo, done = queue.Queue(), queue.Queue()
def work():
    while (item := todo.get()) is not None:
        time.sleep(0.001)
        done.put((item, hashlib.sha256(str(item).encode()).hexdigest()))
threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads: t.start()
print("before", flush=True)
for i in range(150): todo.put(i)
for _ in threads: todo.put(None)
found = sorted(done.get() for _ in range(150))
for t in threads: t.join()
print("after", hashlib.sha256(repr(found).encode()).hexdigest())
`;

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "sage-snapshot-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
const resume = (options: readonly string[], file: string): Promise<Outcome> =>
  run([...SAGE, "resume", ...options, file], {});
const text = (outcome: Outcome): string => outcome.stdout.toString();

for (const guest of GUESTS) {
  test(`${guest.isa}: a threaded Python program goes on elsewhere`, { skip: whyNoRoot(guest) ?? false }, async (t) => {
    const file = join(folder(t), "saved");
    const options = ["--root", rootOf(guest)];
    const program = ["/usr/bin/python3", "-c", THREADS];
    const whole = await sage(options, program);
    assert.match(text(whole), /^before\nafter [0-9a-f]{64}\n$/);
    const first = await sage([...options, "--snapshot", file, "--snapshot-at", "1200calls"], program);
    assert.equal(first.code, 0, first.stderr.toString());
    assert.match(first.stderr.toString(), /sage: the program was saved/);
    assert.ok(!text(first).includes("after"));
    for (let times = 0; times < 2; times++) {
      const rest = await resume(options, file);
      assert.equal(text(first) + text(rest), text(whole), rest.stderr.toString());
      assert.equal(rest.code, 0);
    }
  });
}

const OBJECTS = join(import.meta.dirname, "objects.c");
for (const guest of GUESTS) {
  const compiler = `${guest.triplet}-gcc`;
  const missing = spawnSync(compiler, ["--version"]).status !== 0;
  if (missing && process.env.CI === "true") throw new Error(`no ${compiler}`);
  test(`${guest.isa}: all that a kernel keeps`, { skip: missing ? `no ${compiler}` : false }, async (t) => {
    const root = join(folder(t), "root");
    for (const name of ["", "tmp"]) mkdirSync(join(root, name), { recursive: true });
    execFileSync(compiler, ["-O1", "-static", "-w", "-pthread", "-o", join(root, "objects"), OBJECTS]);
    const file = join(root, "..", "saved");
    const whole = await sage(["--root", root], ["/objects"]);
    assert.equal(whole.code, 17, text(whole) + whole.stderr.toString());
    assert.match(text(whole), /^before\n[\s\S]*\nflock -1\nterminal 'typed' 0\n[\s\S]*mode 640\nafter\n$/);
    for (const engine of guest === GUESTS[0] ? ENGINES : ENGINES.slice(0, 1)) {
      const options = ["--root", root, "--engine", engine];
      const first = await sage([...options, "--snapshot", file, "--snapshot-at", "1500calls"], ["/objects"]);
      assert.equal(text(first), "before\n", first.stderr.toString());
      // Another machine may have the files elsewhere.
      const rest = await resume(options, file);
      assert.equal(text(first) + text(rest), text(whole), rest.stderr.toString());
      assert.equal(rest.code, 17);
    }
    await t.test("what is damaged is refused with one line", () => damaged(root, file));
    await t.test("a snapshot grants nothing", async () => {
      const refused = await resume([], file);
      assert.equal(refused.code, 2);
      assert.match(refused.stderr.toString(), /^sage: USAGE: \S+ was saved with --root \(give --root DIR[^\n]*\)\n$/);
    });
  });
}

async function damaged(root: string, file: string): Promise<void> {
  const good = readFileSync(file);
  const changed = (at: number): Buffer => {
    const bytes = Buffer.from(good);
    bytes[at]! ^= 0x40;
    return bytes;
  };
  const cuts = [0, 4, 20, 50, 60, Math.floor(good.length / 2), good.length - 1].map((size) => good.subarray(0, size));
  const flips = [0, 8, 13, 45, 52, 60, Math.floor(good.length / 2), good.length - 1].map(changed);
  for (const bytes of [...cuts, ...flips]) {
    writeFileSync(`${file}-bad`, bytes);
    const refused = await resume(["--root", root], `${file}-bad`);
    assert.equal(refused.code, 126, refused.stderr.toString());
    assert.match(refused.stderr.toString(), /^sage: (SNAPSHOT_BAD|SNAPSHOT_VERSION|FILE_EMPTY): [^\n]*\n$/);
    assert.equal(text(refused), "");
  }
}
