// The C programs beside this file: what Linux answers natively is what SAGE must answer, on every engine, in a folder of
// the host's under policy and in the overlay of --root. Linux is the reference, not qemu-user, which answers some calls
// differently (version 7.2: unknown ioctls and madvise advice, MAP_FIXED_NOREPLACE, flags of pipe2).
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, globSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import test, { type TestContext } from "node:test";
import { GUESTS, type Guest, REPOSITORY } from "../guests.ts";
import { ENGINES, type Outcome, run, sage } from "../programs/command.ts";

const NATIVE = "gcc";
const compilerOf = (guest: Guest): string => `${guest.triplet}-gcc`;
/** All engines and both kinds of folder are tried with one guest; the others run each program once. */
const FIRST = GUESTS[0]!;
const OUT = join(REPOSITORY, ".cache", "abi");
const ENV = { ABI: "set" };

const missing = [NATIVE, ...GUESTS.map(compilerOf)].filter(
  (compiler) => spawnSync(compiler, ["--version"]).status !== 0,
);
if (missing.length && process.env.CI === "true") throw new Error(`no ${missing.join(", ")}`);

function build(compiler: string, topic: string, to: string): string {
  const sources = [`${topic}.c`, "abi.h"].map((name) => join(import.meta.dirname, name));
  const built = existsSync(to) ? statSync(to).mtimeMs : 0;
  if (sources.every((source) => statSync(source).mtimeMs < built)) return to;
  mkdirSync(OUT, { recursive: true });
  // They pass wrong pointers and lengths on purpose: -w.
  execFileSync(compiler, ["-O1", "-static", "-w", "-pthread", "-o", to, sources[0]]);
  return to;
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "sage-abi-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function same(got: Outcome, expected: Outcome): void {
  const told = got.stderr.toString().slice(0, 2000);
  assert.deepEqual(got.stdout.toString().split("\n"), expected.stdout.toString().split("\n"), told);
  assert.equal(got.code, expected.code, told);
}

for (const source of globSync(join(import.meta.dirname, "*.c")).sort()) {
  const topic = basename(source, ".c");
  const needed = [NATIVE, compilerOf(FIRST)].filter((compiler) => missing.includes(compiler));
  test(`system calls: ${topic}`, { skip: needed.length ? `no ${needed.join(", ")}` : false }, async (t) => {
    const expected = await run([build(NATIVE, topic, join(OUT, `${topic}-native`)), folder(t)], { env: ENV });
    assert.notEqual(expected.stdout.length, 0);
    const here = async (t: TestContext, guest: Guest, engine: string): Promise<void> => {
      const program = build(compilerOf(guest), topic, join(OUT, `${topic}-${guest.isa}`));
      const at = folder(t);
      const grants = ["--engine", engine, "--allow-env=ABI", `--allow-read=${at}`, `--allow-write=${at}`];
      same(await sage(grants, [program, at], { env: ENV }), expected);
    };
    for (const engine of ENGINES)
      await t.test(`${FIRST.isa}, ${engine}, a folder of the host`, (t) => here(t, FIRST, engine));
    await t.test(`${FIRST.isa}, an overlay over --root`, async (t) => {
      const root = folder(t);
      mkdirSync(join(root, "work"));
      copyFileSync(join(OUT, `${topic}-${FIRST.isa}`), join(root, topic));
      same(await sage(["--allow-env=ABI", "--root", root], [`/${topic}`, "/work"], { env: ENV }), expected);
    });
    for (const guest of GUESTS.slice(1)) {
      const compiler = compilerOf(guest);
      const skip = missing.includes(compiler) ? `no ${compiler}` : false;
      await t.test(`${guest.isa}, ${ENGINES[0]}`, { skip }, (t) => here(t, guest, ENGINES[0]!));
    }
  });
}
