import assert from "node:assert/strict";
import { type SpawnSyncOptions, spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { HostError } from "../../src/host/host.ts";
import { nodeHost } from "../../src/host/node/index.ts";

const host = nodeHost();
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "sage-host-"));
test.after(() => fs.rmSync(dir, { recursive: true }));
const code = (call: () => unknown): string => {
  try {
    call();
    return "fine";
  } catch (error) {
    if (error instanceof HostError) return error.code;
    throw error;
  }
};

test("files: open modes, positions, truncate, stat", () => {
  const file = path.join(dir, "a");
  const f = host.fs.open(file, { read: true, write: true, create: true, exclusive: true, mode: 0o640 });
  assert.equal(f.write(Buffer.from("hello"), null), 5);
  assert.equal(f.write(Buffer.from("J"), 0), 1);
  const into = new Uint8Array(10);
  assert.equal(f.read(into, 1), 4);
  assert.equal(Buffer.from(into.subarray(0, 4)).toString(), "ello");
  f.truncate(2);
  const stat = f.stat();
  assert.deepEqual([stat.type, stat.mode, stat.size, stat.nlink], ["file", 0o640, 2, 1]);
  f.sync();
  f.close();
  assert.equal(
    code(() => f.stat()),
    "EBADF",
  );
  assert.equal(fs.readFileSync(file, "utf8"), "Je");
  assert.equal(
    code(() => host.fs.open(file, { read: true, write: true, create: true, exclusive: true })),
    "EEXIST",
  );
  const append = host.fs.open(file, { read: false, write: true, append: true });
  append.write(Buffer.from("!"), null);
  append.close();
  assert.equal(fs.readFileSync(file, "utf8"), "Je!");
});

test("names: links, directories, times, and each failure by its POSIX code", () => {
  const at = (name: string) => path.join(dir, name);
  host.fs.mkdir(at("d"), 0o700);
  host.fs.symlink("d", at("l"));
  assert.equal(host.fs.readlink(at("l")), "d");
  assert.equal(host.fs.stat(at("l"), false).type, "link");
  assert.equal(host.fs.stat(at("l"), true).type, "dir");
  assert.equal(
    code(() => host.fs.open(at("l"), { read: true, write: false, noFollow: true })),
    "ELOOP",
  );
  host.fs.open(at("f"), { read: false, write: true, create: true }).close();
  assert.equal(
    code(() => host.fs.open(at("f"), { read: true, write: false, directory: true })),
    "ENOTDIR",
  );
  host.fs.link(at("f"), at("g"));
  host.fs.rename(at("g"), at("d/g"));
  host.fs.chmod(at("d/g"), 0o400);
  host.fs.utimes(at("d/g"), 1_500_000_000_000_000_000n, 1_600_000_000_123_456_000n);
  const stat = host.fs.stat(at("d/g"), true);
  assert.deepEqual([stat.mode, stat.nlink, stat.atime], [0o400, 2, 1_500_000_000_000_000_000n]);
  assert.ok(Math.abs(Number(stat.mtime - 1_600_000_000_123_456_000n)) < 1000);
  const listed = host.fs.readdir(at("d"));
  assert.deepEqual(listed, [{ name: "g", type: "file", ino: stat.ino }]);
  assert.equal(
    code(() => host.fs.rmdir(at("d"))),
    "ENOTEMPTY",
  );
  host.fs.unlink(at("d/g"));
  host.fs.rmdir(at("d"));
  assert.equal(
    code(() => host.fs.stat(at("d"), true)),
    "ENOENT",
  );
  assert.equal(
    code(() => host.fs.readdir(at("f"))),
    "ENOTDIR",
  );
  assert.equal(
    code(() => host.fs.open(`${dir}/a\0b`, { read: true, write: false })),
    "ENOENT",
  );
});

test("clocks move on, agree with Node's, and sleep takes its time", () => {
  const before = host.monotonic();
  host.sleep(5);
  assert.ok(host.monotonic() - before >= 4_900_000n);
  assert.ok(Math.abs(Number(host.realtime() / 1_000_000n) - Date.now()) < 1000);
  assert.ok(host.cpuTime() > 0n);
});

test("random fills every byte, whatever the size", () => {
  const bytes = new Uint8Array(200_000);
  host.random(bytes);
  const counts = new Uint32Array(256);
  for (const byte of bytes) counts[byte] = counts[byte]! + 1;
  assert.ok(counts.every((n) => n > 500 && n < 1100));
});

const index = path.resolve(import.meta.dirname, "../../src/host/node/index.ts");
const program = (body: string) => [
  "--input-type=module",
  "-e",
  `import { nodeHost } from ${JSON.stringify(index)}; const host = nodeHost(); const print = (s) => host.stderr.write(Buffer.from(s + " ")); ${body}`,
];
const run = (body: string, options: SpawnSyncOptions = {}) =>
  spawnSync(process.execPath, program(body), { encoding: "utf8", timeout: 20_000, ...options });

test("standard input: a pipe and its end, a file, nothing", () => {
  const body = `const b = new Uint8Array(4); let n; while ((n = host.stdin.read(b)) > 0) print(Buffer.from(b.subarray(0, n))); print(host.stdin.type);`;
  assert.equal(run(body, { input: "abcdefg" }).stderr, "abcd efg fifo ".replace("fifo", stdinType()));
  const file = path.join(dir, "in");
  fs.writeFileSync(file, "file");
  const fd = fs.openSync(file, "r");
  assert.equal(run(body, { stdio: [fd, "pipe", "pipe"] }).stderr, "file file ");
  fs.closeSync(fd);
  assert.equal(run(body, { stdio: ["ignore", "pipe", "pipe"] }).stderr, "char ");
});
/** Node gives its children socket pairs on some systems and pipes on others. */
function stdinType(): string {
  return run("print(host.stdin.type)", { input: "" }).stderr.toString().trim();
}

test("readable says no before there is input, and loses no byte", async () => {
  const body = `
    print(host.stdin.readable()); print("ready");
    while (!host.stdin.readable()) host.sleep(2);
    const b = new Uint8Array(9); const n = host.stdin.read(b); print(Buffer.from(b.subarray(0, n)));
    print(host.stdin.read(b)); print(host.stdin.read(b));`;
  const script = path.join(dir, "ask.mjs");
  fs.writeFileSync(script, program(body)[2]!);
  // a shell's pipe is a pipe on every system
  const child = spawn("sh", ["-c", `(read line; printf hello) | "${process.execPath}" "${script}"`]);
  let out = "";
  let asked = false;
  child.stderr.on("data", (chunk: Buffer) => {
    out += chunk;
    if (!asked && out.includes("ready")) child.stdin.end("go\n");
    asked ||= out.includes("ready");
  });
  await new Promise((done) => child.on("close", done));
  assert.equal(out, "false ready hello 0 0 ");
});

test("a slow reader of a full pipe that does not block gets every byte", async () => {
  const body = `process.stdout._handle?.setBlocking?.(false); host.stdout.write(new Uint8Array(3_000_000).fill(97));`;
  const child = spawn(process.execPath, program(body), { stdio: ["ignore", "pipe", "inherit"] });
  let size = 0;
  child.stdout.pause();
  await new Promise((done) => setTimeout(done, 200));
  child.stdout.on("data", (chunk: Buffer) => {
    size += chunk.length;
  });
  child.stdout.resume();
  await new Promise((done) => child.on("close", done));
  assert.equal(size, 3_000_000);
});

test("a reader that went away is EPIPE, not an exception of Node's", () => {
  const script = path.join(dir, "epipe.mjs");
  const body = `try { for (;;) host.stdout.write(new Uint8Array(100000)); } catch (e) { print(e.constructor.name + e.code); }`;
  fs.writeFileSync(script, program(body)[2]!);
  const shell = spawnSync("sh", ["-c", `"${process.execPath}" "${script}" | true`], { encoding: "utf8" });
  assert.equal(shell.stderr, "HostErrorEPIPE ");
});
