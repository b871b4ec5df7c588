import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { hash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { commands } from "../../src/cli/commands.ts";
import { sage } from "../../src/cli/main.ts";
import { inRoot } from "../../src/cli/rooted.ts";
import { version } from "../../src/cli/version.ts";
import { nodeFs } from "../../src/host/node/fs.ts";
import { nodeHost } from "../../src/host/node/index.ts";
import { buildElf } from "../format/build-elf.ts";
import { closed, run } from "./sage.ts";

const dir = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "sage-cli-")));
test.after(() => fs.rmSync(dir, { recursive: true }));
const put = (name: string, bytes: Uint8Array | string): string => {
  const file = path.join(dir, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, bytes);
  return file;
};
/** addi a0, zero, 5; ecall; and two bytes that are no instruction. */
const code = Uint8Array.of(0x13, 0x05, 0x50, 0x00, 0x73, 0, 0, 0, 0x00, 0x80);
const program = put("prog", buildElf({ segments: [{ flags: 7, address: 0x10000, data: code }] }));

test("the version is the package's", () => {
  const json = JSON.parse(fs.readFileSync(path.resolve(import.meta.dirname, "../../package.json"), "utf8"));
  assert.equal(version, json.version);
});

test("help: of all, of each command, and every command that the first lists is there", async () => {
  const { stdout, status } = await run("--help");
  assert.equal(status, 0);
  const names = stdout
    .slice(stdout.indexOf("commands:"), stdout.indexOf("examples:"))
    .matchAll(/^ {2}(\S+(?: \S+)?) {2,}/gm);
  const listed = [...names].map((m) => m[1]!);
  assert.deepEqual(listed, [
    "run",
    "resume",
    "inspect",
    "disasm",
    "ir",
    "rules fmt",
    "rules",
    "learn isa",
    "train",
    "verify",
    "eval blocks",
    "audit verify",
  ]);
  for (const name of listed) {
    const help = await run("help", ...name.split(" "));
    assert.ok(help.stdout.startsWith(`usage: sage ${name}`), name);
    assert.match(help.stdout, /examples:\n {2}sage /);
    assert.equal((await run(...name.split(" "), "--help")).stdout, help.stdout);
  }
});

test("each error is one line with a code, and an exit status of its own", async () => {
  const text = put("text", "hello\n");
  const cut = put("cut", buildElf().subarray(0, 100));
  const stranger = put("stranger", buildElf({ machine: 258 }));
  const cases: [string[], number, RegExp][] = [
    [["frobnicate"], 2, /^sage: USAGE: there is no command frobnicate/],
    [["audit"], 2, /^sage: USAGE: sage audit is not whole/],
    [["run"], 2, /^sage: USAGE: too few arguments/],
    [["run", path.join(dir, "none")], 127, /^sage: FILE_NOT_FOUND: /],
    [["run", "--root", dir, "/none"], 127, /^sage: FILE_NOT_FOUND: there is no \/none /],
    [["run", "--root", path.join(dir, "none"), "/x"], 127, /^sage: FILE_NOT_FOUND: --root /],
    [["run", "--root", text, "/x"], 2, /^sage: USAGE: --root /],
    [["run", dir], 126, /^sage: FILE_UNREADABLE: .* is a directory/],
    [["run", "--engine", "jit", program], 2, /^sage: USAGE: there is no engine jit/],
    [["run", "--stats=xml", program], 2, /^sage: USAGE: --stats=xml/],
    [["run", "--record", "f", "--replay", "g", program], 2, /^sage: USAGE: --record and --replay/],
    [["run", "--memory", "lots", program], 2, /^sage: USAGE: --memory lots/],
    [["run", "--policy", text, program], 2, /^sage: POLICY: /],
    [["run", "--audit", text, program], 1, /^sage: AUDIT_WRITE: .*EEXIST/],
    [["inspect", cut], 126, /^sage: ELF_TRUNCATED: /],
    [["inspect", path.join(dir, "none")], 127, /^sage: FILE_NOT_FOUND: /],
    [["disasm", text], 126, /^sage: FORMAT_UNKNOWN: /],
    [["disasm", stranger], 2, /^sage: RULEBOOK_UNKNOWN: there is no rulebook for loongarch64/],
    [["ir", "--at", "main", program], 2, /^sage: ADDRESS: there is no symbol main/],
    [["ir", "--at", "0x90000", program], 2, /^sage: ADDRESS: 0x90000 is not in/],
    [["ir", "--emit", "c", program], 2, /^sage: USAGE: there is no form c/],
    [["rules", "z80"], 2, /^sage: RULEBOOK_UNKNOWN: /],
    [["learn"], 2, /^sage: USAGE: sage learn is not whole \(write sage learn isa\)/],
    [["rules", "riscv64", "frob"], 2, /^sage: ROW_UNKNOWN: /],
    [["audit", "verify", text], 1, /^sage: AUDIT_BROKEN: .* line 1 /],
  ];
  for (const [argv, status, pattern] of cases) {
    const ran = await run(...argv);
    assert.match(ran.stderr, pattern);
    assert.equal(ran.stderr.split("\n").length, 2, `${argv.join(" ")}: ${ran.stderr}`);
    assert.deepEqual([ran.status, ran.stdout], [status, ""], argv.join(" "));
  }
});

test("inspect tells a person and a program the same", async () => {
  const { stdout, status } = await run("inspect", "--json", program);
  assert.equal(status, 0);
  const json = JSON.parse(stdout);
  assert.deepEqual(
    [json.format, json.isa, json.os, json.abi, json.type, json.entry],
    ["elf", "riscv64", "linux", "lp64d", "exec", "0x10000"],
  );
  assert.deepEqual(json.segments, [{ address: "0x10000", memorySize: 10, fileOffset: 120, fileSize: 10, prot: "rwx" }]);
  assert.deepEqual(
    json.risks.map((r: { code: string }) => r.code),
    ["WRITE_EXEC"],
  );
  assert.deepEqual(json.confidence, { format: 1, isa: 0.99, os: 0.6 });
  const text = (await run("inspect", program)).stdout;
  for (const part of ["riscv64", "lp64d", "rwx", "WRITE_EXEC", "0x10000"]) assert.ok(text.includes(part), part);
  assert.match((await run("inspect", put("gz", Uint8Array.of(0x1f, 0x8b, 8)))).stdout, /format +gzip/);
});

test("inspect shows names from the file without obeying them", async () => {
  const data = new TextEncoder().encode("/lib/\x1b[2Jld\0");
  const file = put(
    "evil",
    buildElf({
      segments: [
        { flags: 5, address: 0x10000, data: code },
        { type: 3, data },
      ],
    }),
  );
  const { stdout } = await run("inspect", file);
  assert.ok(stdout.includes("/lib/\\x1b[2Jld") && !stdout.includes("\x1b"));
});

test("ir shows each instruction's meaning, and says where no row decodes", async () => {
  const { stdout } = await run("ir", program);
  const ecall = "ecall @0x10004 +4\n  stop syscall\n\n";
  assert.match(stdout, /^addi @0x10000 \+4\n {2}X\[10\] = (0x)?5:64\n\n/);
  assert.ok(stdout.endsWith(`${ecall}; 0x10008: no row decodes 8000\n\n`), stdout);
  assert.equal((await run("ir", "--at", "10004", "--count", "1", program)).stdout, ecall);
});

test("rules lists books, rows, and one row as it is written", async () => {
  assert.match((await run("rules")).stdout, /^ {2}riscv64 +\d+ rows, shipped$/m);
  const { isa, rows } = JSON.parse((await run("rules", "riscv64", "--json")).stdout);
  assert.equal(isa, "riscv64");
  assert.ok(rows.length > 200);
  const [row] = JSON.parse((await run("rules", "riscv64", "lui", "--json")).stdout);
  assert.match(row.source, /^riscv64\.rules:\d+$/);
  assert.match(row.text, /^ *lui +\|.*0110111/);
});

test("a path inside a root follows links as the guest would", () => {
  const root = path.join(dir, "root");
  put("root/bin/busybox", "b");
  put("secret", "s");
  fs.mkdirSync(path.join(root, "usr"));
  fs.symlinkSync("/bin", path.join(root, "usr/bin"));
  fs.symlinkSync("busybox", path.join(root, "bin/sh"));
  fs.symlinkSync("../../../secret", path.join(root, "bin/up"));
  fs.symlinkSync(path.join(dir, "secret"), path.join(root, "bin/out"));
  fs.symlinkSync("loop", path.join(root, "bin/loop"));
  const at = (name: string) => inRoot(nodeFs, root, name);
  const busybox = path.join(root, "bin/busybox");
  for (const name of ["/bin/busybox", "bin/sh", "/usr/bin/sh", "/usr/../bin/./sh", "/../../bin//sh"])
    assert.equal(at(name), busybox, name);
  assert.equal(at("/bin/up"), path.join(root, "secret"));
  assert.equal(at("/bin/out"), path.join(root, dir, "secret"));
  assert.throws(() => at("/bin/loop"), /loop of links/);
});

test("a run with --audit leaves a log that verifies, begins with what was run, and shows a change", async () => {
  const log = path.join(dir, "log.jsonl");
  await run("run", "--audit", log, "--allow-read=/data", "--allow-env=HOME", "--fuel", "1000", program, "x");
  const whole = await run("audit", "verify", log);
  assert.match(whole.stdout, /: whole, \d+ lines, last hash [0-9a-f]{64}\n$/);
  const text = fs.readFileSync(log, "utf8");
  const { event } = JSON.parse(text.split("\n")[0]!);
  assert.deepEqual([event.kind, event.version, event.program, event.args], ["start", version, program, ["x"]]);
  assert.equal(event.sha256, hash("sha256", fs.readFileSync(program)));
  assert.deepEqual(event.policy.read, [program, "/data"]);
  assert.deepEqual(event.policy.env, ["HOME"]);
  const head = whole.stdout.trim().split(" ").at(-1)!;
  assert.equal((await run("audit", "verify", "--head", head, log)).status, 0);
  assert.match((await run("audit", "verify", "--head", "00", log)).stderr, /AUDIT_BROKEN/);
  const changed = put("changed.jsonl", text.replace("/data", "/date"));
  assert.deepEqual(JSON.parse((await run("audit", "verify", "--json", changed)).stdout), {
    ...{ file: changed, ok: false, line: 1 },
    why: "was changed: its hash does not match",
  });
  // a log is evidence: the next run must not replace it
  assert.match((await run("run", "--audit", log, program)).stderr, /AUDIT_WRITE/);
  assert.equal(fs.readFileSync(log, "utf8"), text);
});

test("a reader that went away ends a command quietly", async () => {
  const errors: Uint8Array[] = [];
  const stderr = { ...closed, write: (from: Uint8Array) => errors.push(from) };
  assert.equal(await sage(["--help"], commands, { ...nodeHost(), stdout: closed, stderr }), 141);
  assert.equal(await sage(["frob"], commands, { ...nodeHost(), stdout: closed, stderr: closed }), 141);
  assert.deepEqual(errors, []);
});

const llvmAs = ["/usr/bin/llvm-as-19", "/usr/bin/llvm-as"].find((file) => fs.existsSync(file));
const noLlvm = !llvmAs && process.env.CI !== "true" && "no llvm-19";
test("ir --emit llvm gives modules that LLVM accepts, with loops inside functions", {
  skip: noLlvm,
}, async () => {
  for (const name of ["echo-riscv64", "fenv-riscv64", "recursion-riscv64"]) {
    const sample = path.resolve(import.meta.dirname, "../../samples", name);
    const { stdout, status } = await run("ir", "--emit", "llvm", sample);
    assert.equal(status, 0);
    assert.ok(/^define \{ ptr, i64 \} @pc_/m.test(stdout), "functions");
    assert.ok(/switch i64 .*label %at/.test(stdout), "branches inside them");
    const file = put("main.ll", stdout);
    assert.equal(spawnSync(llvmAs!, ["-o", "/dev/null", file], { encoding: "utf8" }).stderr, "");
  }
});

const wat2wasm = "/usr/bin/wat2wasm";
const noWabt = !fs.existsSync(wat2wasm) && process.env.CI !== "true" && "no wabt";
test("ir --emit wat gives text that assembles to a module V8 accepts", { skip: noWabt }, async () => {
  for (const name of ["echo-riscv64", "fenv-riscv64", "recursion-riscv64"]) {
    const { stdout, status } = await run(
      "ir",
      "--emit",
      "wat",
      path.resolve(import.meta.dirname, "../../samples", name),
    );
    assert.equal(status, 0);
    const file = put("regions.wat", stdout);
    const out = path.join(dir, "regions.wasm");
    assert.equal(spawnSync(wat2wasm, ["--enable-all", file, "-o", out], { encoding: "utf8" }).stderr, "");
    assert.ok(WebAssembly.validate(fs.readFileSync(out)), name);
  }
});

test("disasm shows labels, words and text, and what no row decodes", async () => {
  const { stdout } = await run("disasm", program);
  assert.match(
    stdout,
    /^ +10000:\t00500513\tli a0, ?5\n +10004:\t00000073\tecall\n +10008:\t8000 {4}\t\.2byte\t0x8000\n$/,
  );
  const plain = await run("disasm", "--no-aliases", "--json", "--at", "10000", "--count", "1", program);
  const { address, word, row, text } = JSON.parse(plain.stdout);
  assert.deepEqual([address, word, row], ["0x10000", "00500513", "addi"]);
  assert.match(text, /^addi a0, ?zero, ?5$/);
});

test("rules fmt prints either spelling from the other", async () => {
  const infix = await run("rules", "fmt", "riscv64", "addiw");
  assert.equal(infix.stdout, "  addiw  rd = sext(rs1[31:0] + imm)\n");
  const prefix = await run("rules", "fmt", "--prefix", "--json", "riscv64", "addiw");
  const { text } = JSON.parse(prefix.stdout).rows[0];
  assert.equal((await run("rules", "fmt", "--text", text)).stdout, "rd = sext(rs1[31:0] + imm)\n");
  assert.match((await run("rules", "fmt", "riscv64", "add")).stdout, /^ +add +rd = r +# r: rs1 \+ rs2\n$/);
  const all = JSON.parse((await run("rules", "fmt", "--prefix", "--json", "aarch64")).stdout);
  assert.ok(all.rows.length > 1000);
  const unknown = await run("rules", "fmt", "riscv64", "nothing");
  assert.equal(unknown.status, 2);
  assert.match(unknown.stderr, /^sage: ROW_UNKNOWN: .*\n$/);
});
