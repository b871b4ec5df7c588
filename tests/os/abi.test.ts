import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { handlers } from "../../src/kernel/calls/index.ts";
import { abiBlob, openAbi } from "../../src/os/blob.ts";
import { callTable } from "../../src/os/document.ts";
import { parseAbi } from "../../src/os/parse.ts";
import { symbols } from "../../src/os/trace.ts";
import { book, RULEBOOK } from "./guest.ts";

const generic = book.calls.get("generic")!;

test("every row reads, names a kernel call that exists, and gives it what it takes", () => {
  for (const call of generic.values()) {
    for (const row of [call, ...call.operations.values()]) {
      assert.ok(row.args.length <= 6, row.name);
      if (row.by) assert.ok(row.byArg >= 0, `${row.name} has no argument ${row.by.arg}`);
      if (row.handler === null) continue;
      const handler = handlers.get(row.handler);
      assert.ok(handler, `${row.name}: no kernel call ${row.handler}`);
      assert.ok(handler.length - 1 <= row.args.length, `${row.name}: ${row.handler} takes more than the row has`);
      assert.ok(
        book.set(row.result) || ["int", "fd", "size", "off", "ptr", "long", "mode"].includes(row.result),
        row.name,
      );
    }
  }
});

test("every structure has the size that C gives it", () => {
  const sizes = {
    timespec: 16,
    stat: 128,
    statx: 256,
    statfs: 120,
    utsname: 390,
    rlimit: 16,
    rusage: 144,
    sysinfo: 112,
    tms: 32,
    termios: 36,
    winsize: 8,
    iovec: 16,
    pollfd: 8,
    epoll_event: 16,
    flock: 32,
    sigaction: 24,
    stack_t: 24,
    siginfo: 128,
    siginfokill: 128,
    itimerval: 32,
  };
  for (const [name, size] of Object.entries(sizes)) assert.equal(book.struct(name).size, size, name);
  for (const name of book.structNames()) book.struct(name);
});

test("numbers and names of calls agree with the headers of Linux", (t) => {
  const header = "/usr/riscv64-linux-gnu/include/asm-generic/unistd.h";
  if (!existsSync(header))
    return process.env.CI === "true" ? assert.fail("no riscv64 headers") : t.skip("no riscv64 headers");
  const text = readFileSync(header, "utf8");
  let seen = 0;
  for (const [, name, number] of text.matchAll(/^#define __NR(?:3264)?_(\w+)\s+(\d+)$/gm)) {
    const row = generic.get(Number(number));
    if (!row || name === "syscalls" || name === "fstatat" || name === "sync_file_range2") continue;
    assert.equal(row.name, name);
    seen++;
  }
  assert.ok(seen > 290, String(seen));
  return undefined;
});

test("errors, signals and flags agree with the headers of Linux", (t) => {
  const base = "/usr/riscv64-linux-gnu/include/asm-generic";
  if (!existsSync(base))
    return process.env.CI === "true" ? assert.fail("no riscv64 headers") : t.skip("no riscv64 headers");
  const text = ["errno-base.h", "errno.h", "signal.h", "fcntl.h", "mman-common.h", "mman.h", "resource.h", "ioctls.h"]
    .map((file) => readFileSync(`${base}/${file}`, "utf8"))
    .join("\n");
  const values = new Map([...text.matchAll(/^#\s*define\s+(\w+)\s+(0x[0-9a-fA-F]+|\d+)/gm)].map((m) => [m[1]!, m[2]!]));
  const value = (name: string): number | undefined => {
    const raw = values.get(name);
    return raw === undefined ? undefined : /^0\d/.test(raw) ? Number.parseInt(raw, 8) : Number(raw);
  };
  let seen = 0;
  const same = (name: string, number: number): void => {
    const theirs = value(name);
    // O_SYNC and O_TMPFILE are several bits together there.
    if (theirs === undefined || ["O_SYNC", "O_TMPFILE"].includes(name)) return;
    assert.equal(number, theirs, name);
    seen++;
  };
  for (const error of book.errors.values()) same(error.name, error.number);
  for (const signal of book.signals.values()) same(signal.name, signal.number);
  // A set of one machine alone has its own numbers.
  for (const set of book.sets.values())
    if (!set.name.includes("/")) for (const entry of set.entries) same(entry.name, entry.value);
  for (const [number, row] of generic.get(29)!.operations) same(row.name, number);
  assert.ok(seen > 200, String(seen));
  return undefined;
});

test("open's flags on arm64 agree with its headers", (t) => {
  const header = "/usr/aarch64-linux-gnu/include/asm/fcntl.h";
  if (!existsSync(header))
    return process.env.CI === "true" ? assert.fail("no arm64 headers") : t.skip("no arm64 headers");
  const own = new Map([...readFileSync(header, "utf8").matchAll(/#define (O_\w+)\s+(0\d+)/g)].map((m) => [m[1], m[2]]));
  const generic = new Map(book.set("O")!.byName);
  for (const [name, value] of book.set("O/aarch64")!.byName) {
    const theirs = own.get(name);
    assert.equal(value, theirs === undefined ? generic.get(name) : Number.parseInt(theirs, 8), name);
  }
  assert.equal(own.size, 4);
  return undefined;
});

test("flags read as names, with what has no name in hex", () => {
  const show = (set: string, value: number): string => symbols(book.set(set)!, value);
  assert.equal(show("O", 0), "O_RDONLY");
  assert.equal(show("O", 0o2000002), "O_RDWR|O_CLOEXEC");
  assert.equal(show("O", 0x80000001), "O_WRONLY|0x80000000");
  assert.equal(show("PROT", 0), "PROT_NONE");
  assert.equal(show("PROT", 5), "PROT_READ|PROT_EXEC");
  assert.equal(show("seek", 2), "SEEK_END");
  assert.equal(show("seek", 77), "0x4d");
});

const bad: [string, string, RegExp][] = [
  ["a row that begins nothing", "nonsense 1\n", /^x:1: "nonsense" begins no kind of row$/],
  ["a call with too few cells", "calls generic\n1 | a | b\n", /^x:2: a call is NUMBERS/],
  ["a number twice", "calls g\n1 | a | - | - | none\n1 | b | - | - | none\n", /^x:3: number 1 is taken by a$/],
  ["a number too few", "calls a b\n1 | a | | - | none\n", /^x:2: 2 numbers are due: a b$/],
  ["a status that is none", "calls g\n1 | a | | h | maybe\n", /^x:2: a: "maybe" is not full, partial/],
  [
    "a handler on a row that is none",
    "calls g\n1 | a | | h | none\n",
    /^x:2: a: a call with a handler is full or partial$/,
  ],
  [
    "no handler on a full row",
    "calls g\n1 | a | | - | full\n",
    /^x:2: a: a call without a handler is none or declined$/,
  ],
  ["a flag without a value", "flags A B\n", /^x:1: "" is not a whole number$/],
  ["an abi without registers", "abi z table=g\n", /^x:1: abi z lacks number=$/],
  ["a fault of an unknown signal", "fault illegal SIGNO 1\n", /^x:1: there is no signal SIGNO$/],
  ["a struct twice", "struct a b:i32\nstruct a b:i32\n", /^x:2: struct a is declared twice$/],
];
for (const [what, text, message] of bad)
  test(`refused: ${what}`, () => {
    assert.throws(
      () => parseAbi(text, "x"),
      (error: Error) => message.test(error.message) || assert.fail(error.message),
    );
  });

test("arguments are checked when a row is first used", () => {
  const make = (spec: string) =>
    parseAbi(`struct s a:i32\ncalls g\n1 | c | ${spec} | h | full\n`, "x").calls.get("g")!.get(1)!;
  assert.throws(() => make("a:nothing").args, /x:3: c: "a:nothing" is not NAME:TYPE/);
  assert.throws(() => make("a:in[b]").args, /x:3: c: there is no argument "b"/);
  assert.throws(() => make("a:int b:int c:int d:int e:int f:int g:int").args, /at most six/);
  assert.equal(make("a:in:s[n] n:int -> size").args.length, 2);
});

test("a stored rulebook is the same book", () => {
  assert.deepEqual(openAbi(abiBlob(book)), parseAbi(readFileSync(RULEBOOK, "utf8"), "linux.abi"));
});

test("docs/syscalls.md is what the rows say", () => {
  const docs = join(import.meta.dirname, "..", "..", "docs", "syscalls.md");
  const rows = parseAbi(readFileSync(RULEBOOK, "utf8"), "rulebooks/os/linux.abi");
  assert.equal(readFileSync(docs, "utf8"), callTable(rows, "generic"), "run node scripts/syscalls-doc.ts");
});

test("a row can name kernel calls and nothing else", () => {
  const named = new Set(
    [...book.calls.values()]
      .flatMap((rows) => [...rows.values()])
      .flatMap((row) => [row, ...row.operations.values()])
      .map((row) => row.handler),
  );
  assert.deepEqual(
    [...handlers.keys()].filter((name) => !named.has(name)),
    [],
  );
});
