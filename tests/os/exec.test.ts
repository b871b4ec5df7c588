import assert from "node:assert/strict";
import test from "node:test";
import { SageError } from "../../src/errors.ts";
import type { Image, Segment } from "../../src/format/image.ts";
import { startProcess } from "../../src/os/linux/exec.ts";
import { AT_FDCWD, Guest, O } from "./guest.ts";
import { MemoryHost } from "./memory-host.ts";

const segment = (address: number, prot: number, bytes = 16, memorySize = bytes): Segment => {
  return { address, memorySize, fileOffset: 0, fileSize: bytes, prot };
};

function image(more: Partial<Image> = {}): Image {
  const none = (): never => assert.fail("not asked for here");
  return {
    ...{
      format: "elf",
      isa: "riscv64",
      os: "linux",
      osEvidence: "default",
      abi: "",
      bits: 64,
      littleEndian: true,
      type: "exec",
      entry: 0x20008,
    },
    ...{
      segments: [segment(0x20000, 5), segment(0x30010, 3, 16, 0x2000)],
      interpreter: undefined,
      tls: undefined,
      stackProt: 3,
    },
    ...{
      phdr: { offset: 64, address: 0x20040, entrySize: 56, count: 3 },
      warnings: [],
      bytes: new Uint8Array(64).fill(7),
    },
    ...{ dynamic: none, sections: none, symbols: none, notes: none },
    ...more,
  };
}

/** A guest with a root, whose files "#!..." are scripts, "pie" and "exec" programs, everything else none. */
function ready(): Guest {
  const host = new MemoryHost();
  host.folder("/guest");
  host.folder("/guest/lib");
  host.file("/guest/lib/ld", "pie", 0o755);
  host.file("/guest/prog", "exec", 0o755);
  host.file("/guest/plain", "exec", 0o644);
  host.file("/guest/junk", "junk", 0o755);
  host.file("/guest/script", "#! /prog  one option \nrest", 0o755);
  host.file("/guest/loop", "#!/loop\n", 0o755);
  host.file("/guest/empty", "#!\n", 0o755);
  return new Guest({ host, root: "/guest" });
}

function read(bytes: Uint8Array): Image {
  const text = new TextDecoder().decode(bytes);
  if (text === "pie")
    return image({
      type: "pie",
      entry: 0x100,
      segments: [segment(0, 5, 16, 0x1000)],
      phdr: { offset: 0, address: 0x40, entrySize: 56, count: 1 },
    });
  if (text === "exec") return image();
  throw new SageError("FORMAT_UNKNOWN", "no program", "");
}

/** Words at the stack pointer: argc, argv, envp, auxv. */
function stackOf(guest: Guest): { args: string[]; env: string[]; aux: Map<number, number> } {
  const { memory } = guest.cpu;
  let at = guest.cpu.get("sp");
  assert.equal(at % 16, 0);
  const word = (): number => {
    at += 8;
    return memory.u64(at - 8);
  };
  const text = (pointer: number): string => new TextDecoder().decode(memory.cstring(pointer, 4096)!);
  const args = Array.from({ length: word() }, () => text(word()));
  assert.equal(word(), 0);
  const env: string[] = [];
  for (let p = word(); p; p = word()) env.push(text(p));
  const aux = new Map<number, number>();
  for (let type = word(); type; type = word()) aux.set(type, word());
  return { args, env, aux };
}

function start(guest: Guest, program: Image, args = ["prog", "a b", ""], env = ["X=1"]) {
  return startProcess(guest.kernel, guest.linux, guest.cpu, { image: program, path: "/prog", args, env, read });
}

test("a fixed program: segments, stack, auxiliary vector, break", () => {
  const guest = ready();
  guest.process.space.unmap(0x100000, 0x100000);
  const process = start(guest, image());
  const { args, env, aux } = stackOf(guest);
  assert.deepEqual(args, ["prog", "a b", ""]);
  assert.deepEqual(env, ["X=1"]);
  assert.equal(guest.cpu.pc, 0x20008);
  assert.deepEqual(
    [aux.get(3), aux.get(4), aux.get(5), aux.get(6), aux.get(7), aux.get(9)],
    [0x20040, 56, 3, 4096, 0, 0x20008],
  );
  assert.deepEqual([aux.get(16), aux.get(17), aux.get(23)], [0x112d, 100, 0]);
  assert.equal(guest.string(aux.get(25)!, 2), "ZZ");
  assert.equal(guest.string(aux.get(31)!, 5), "/prog");
  assert.equal(guest.cpu.memory.u8(0x30010), 7);
  assert.equal(guest.cpu.memory.u8(0x30020), 0, "beyond the file's bytes");
  assert.throws(() => guest.cpu.memory.setU8(0x20000, 1), "text is not writable");
  assert.equal(process.space.brk, 0x33000);
  assert.equal(process.executable, "/prog");
  assert.equal(process.tasks[0]!.name, "prog");
});

test("a dynamic program: itself and its linker where there is room, the linker first", () => {
  const guest = ready();
  start(guest, image({ type: "pie", interpreter: "/lib/ld", entry: 0x20008 }));
  const { aux } = stackOf(guest);
  assert.equal(guest.cpu.pc, aux.get(7)! + 0x100);
  assert.equal(aux.get(9)! - aux.get(3)!, 0x20008 - 0x20040);
  assert.ok(aux.get(9)! >= 0x400000);
});

test("what is told of a program that cannot start", () => {
  const code = (program: Image): string => {
    try {
      start(ready(), program);
    } catch (error) {
      if (error instanceof SageError) return `${error.code}: ${error.message}`;
      throw error;
    }
    return "started";
  };
  assert.equal(code(image({ interpreter: "/lib/none" })), "INTERPRETER_MISSING: /prog needs /lib/none: ENOENT");
  assert.match(code(image({ segments: [segment(0x1000, 5)] })), /^ELF_SEGMENT/);
  assert.match(code(image({ segments: [segment(0xfffff000, 5, 16, 0x10000)] })), /^ELF_SEGMENT/);
  assert.match(code(image({ segments: [] })), /^ELF_TOO_BIG/);
});

test("segments that share a page may both do their part", () => {
  const guest = ready();
  start(guest, image({ segments: [segment(0x20000, 5), segment(0x20800, 3)] }));
  guest.cpu.memory.setU8(0x20810, 1);
  assert.ok(guest.cpu.memory.allows(0x20000, 16, 5));
});

function exec(guest: Guest, path: string, args: string[]): number | string {
  const { memory } = guest.cpu;
  const vector = guest.room((args.length + 1) * 8);
  for (const [i, arg] of args.entries()) memory.setU64(vector + i * 8, guest.text(arg));
  return guest.call("execve", path, vector, 0);
}

test("execve goes on as the other program", () => {
  const guest = ready();
  guest.linux.readImage = read;
  const keep = guest.call("openat", AT_FDCWD, "/prog", 0, 0) as number;
  const drop = guest.call("openat", AT_FDCWD, "/prog", O.CLOEXEC, 0) as number;
  const action = guest.room(24);
  guest.cpu.memory.setU64(action, 1);
  guest.call("rt_sigaction", 15, action, 0, 8);
  guest.cpu.memory.setU64(action, 0x5000);
  guest.call("rt_sigaction", 10, action, 0, 8);
  guest.cpu.put("s3", 99);
  assert.equal(exec(guest, "/prog", ["zero", "one"]), "resume");
  assert.deepEqual(stackOf(guest).args, ["zero", "one"]);
  assert.equal(guest.cpu.pc, 0x20008);
  assert.equal(guest.cpu.get("s3"), 0);
  assert.throws(() => guest.cpu.memory.u8(0x100000), "the old program's memory is gone");
  assert.ok(guest.process.files.peek(keep));
  assert.equal(guest.process.files.peek(drop), undefined);
  assert.equal(guest.process.action(15).handler, 1, "ignored signals stay ignored");
  assert.equal(guest.process.action(10).handler, 0);
});

test("execve of a script runs its interpreter", () => {
  const guest = ready();
  guest.linux.readImage = read;
  assert.equal(exec(guest, "/script", ["x", "arg"]), "resume");
  assert.deepEqual(stackOf(guest).args, ["/prog", "one option", "/script", "arg"]);
  assert.equal(guest.process.tasks[0]!.name, "script");
});

test("execve that fails leaves everything as it was", () => {
  const guest = ready();
  guest.linux.readImage = read;
  const want = {
    "/none": "ENOENT",
    "/plain": "EACCES",
    "/lib": "EACCES",
    "/junk": "ENOEXEC",
    "/loop": "ELOOP",
    "/empty": "ENOEXEC",
    "": "ENOENT",
  };
  for (const [path, code] of Object.entries(want)) assert.equal(exec(guest, path, ["x"]), code, path);
  assert.equal(guest.call("execve", "/prog", 8, 0), "EFAULT");
  assert.equal(guest.cpu.memory.u8(0x100000) >= 0, true);
});
