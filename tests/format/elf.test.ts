import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import test from "node:test";
import { SageError } from "../../src/errors.ts";
import { detect, parseImage } from "../../src/format/detect.ts";
import { parseElf } from "../../src/format/elf.ts";
import { checkRunnable } from "../../src/format/runnable.ts";
import { buildElf, type ElfParts } from "./build-elf.ts";

const able = { isas: ["riscv64"], oses: ["linux"], addressLimit: 0xffff0000 };
const code = (run: () => unknown): string => {
  try {
    run();
    return "fine";
  } catch (error) {
    if (error instanceof SageError) return error.code;
    throw error;
  }
};

for (const bits of [32, 64] as const)
  for (const little of [true, false])
    test(`ELF${bits} ${little ? "little" : "big"}-endian is read field by field`, () => {
      const data = new TextEncoder().encode("/lib/ld-linux-riscv64-lp64d.so.1\0");
      const image = parseElf(
        buildElf({
          bits,
          little,
          entry: 0x20004,
          segments: [
            { flags: 6, address: 0x30000, data: Uint8Array.of(1, 2), memorySize: 0x1234 },
            { flags: 5, address: 0x20000, data: Uint8Array.of(9, 8, 7, 6, 5) },
            { type: 3, flags: 4, data },
            { type: 7, flags: 4, address: 0x30000, offset: 80, fileSize: 4, memorySize: 16, align: 8 },
            { type: 0x6474e551, flags: 7 },
          ],
        }),
      );
      assert.equal(image.bits, bits);
      assert.equal(image.littleEndian, little);
      assert.equal(image.isa, `riscv${bits}${little ? "" : "-be"}`);
      assert.equal(image.abi, bits === 64 ? "lp64d" : "ilp32d");
      assert.equal(image.type, "exec");
      assert.equal(image.entry, 0x20004);
      assert.deepEqual(
        image.segments.map((s) => [s.address, s.memorySize, s.fileSize, s.prot]),
        [
          [0x20000, 5, 5, 5],
          [0x30000, 0x1234, 2, 3],
        ],
      );
      assert.equal(image.interpreter, "/lib/ld-linux-riscv64-lp64d.so.1");
      assert.deepEqual([image.os, image.osEvidence], ["linux", "interpreter"]);
      assert.deepEqual(image.tls, { address: 0x30000, fileOffset: 80, fileSize: 4, memorySize: 16, align: 8 });
      assert.equal(image.stackProt, 7);
    });

const lies: [name: string, parts: ElfParts, code: string][] = [
  ["file size above memory size", { segments: [{ data: new Uint8Array(8), memorySize: 4 }] }, "ELF_SEGMENT"],
  ["segment beyond the file", { segments: [{ offset: 0x5000, fileSize: 16, memorySize: 16 }] }, "ELF_TRUNCATED"],
  ["offset of exabytes", { segments: [{ offset: 2 ** 62, fileSize: 16, memorySize: 16 }] }, "ELF_TRUNCATED"],
  ["exabytes of memory", { segments: [{ memorySize: 2 ** 63 }] }, "ELF_TOO_BIG"],
  ["address + size wraps", { segments: [{ address: 2 ** 64 - 4096, memorySize: 8192 }] }, "ELF_TOO_BIG"],
  [
    "overlapping segments",
    {
      segments: [
        { address: 0x10000, memorySize: 0x2000 },
        { address: 0x11fff, memorySize: 1 },
      ],
    },
    "ELF_OVERLAP",
  ],
  ["nothing to load", { segments: [] }, "ELF_SEGMENT"],
  ["empty interpreter", { segments: [{ type: 3, data: Uint8Array.of(0, 0) }] }, "ELF_SEGMENT"],
  ["interpreter without end", { segments: [{ type: 3, data: Uint8Array.of(47, 47) }] }, "ELF_SEGMENT"],
  ["interpreter of gigabytes", { segments: [{ type: 3, fileSize: 2 ** 31, memorySize: 1 }] }, "ELF_SEGMENT"],
  [
    "TLS file size above memory size",
    { segments: [{ type: 7, data: new Uint8Array(8), memorySize: 4 }] },
    "ELF_SEGMENT",
  ],
];
for (const [name, parts, want] of lies)
  test(`a lie is one coded error: ${name}`, () => {
    assert.equal(
      code(() => parseElf(buildElf(parts))),
      want,
    );
  });

test("header fields that lie: class, order, version, header size, header count", () => {
  const poke = (at: number, ...values: number[]) => {
    const bytes = buildElf();
    bytes.set(values, at);
    return code(() => parseElf(bytes));
  };
  assert.equal(poke(4, 3), "ELF_HEADER");
  assert.equal(poke(5, 0), "ELF_HEADER");
  assert.equal(poke(20, 2), "ELF_HEADER");
  assert.equal(poke(54, 0, 0), "ELF_HEADER"); // phentsize 0
  assert.equal(poke(56, 0xff, 0xff), "ELF_TOO_BIG"); // phnum 65535
  assert.equal(poke(32, ...new Array(8).fill(0xff)), "ELF_TRUNCATED"); // phoff 2^64 - 1
});

test("cut at any byte, a program is refused by name, not run short", () => {
  const whole = buildElf();
  for (let size = 0; size < whole.length; size++) {
    const got = code(() => parseImage(whole.subarray(0, size)));
    const want = size === 0 ? ["FILE_EMPTY"] : size < 4 ? ["FORMAT_UNKNOWN"] : ["ELF_TRUNCATED"];
    assert.ok(want.includes(got), `${size} bytes: ${got}`);
  }
});

test("what cannot be run says so: ISA, OS, type, address space", () => {
  const why = (parts: ElfParts) => code(() => checkRunnable(parseElf(buildElf(parts)), able));
  assert.equal(why({}), "fine");
  assert.equal(why({ machine: 62 }), "ISA_UNSUPPORTED");
  assert.equal(why({ osabi: 9 }), "OS_UNSUPPORTED");
  assert.equal(why({ type: 1 }), "NOT_A_PROGRAM");
  assert.equal(why({ type: 4 }), "NOT_A_PROGRAM");
  assert.equal(why({ type: 3, entry: 0 }), "NOT_A_PROGRAM");
  assert.equal(why({ type: 3, entry: 0x10000 }), "fine");
  assert.equal(why({ segments: [{ flags: 5, address: 2 ** 40, memorySize: 4096 }] }), "ELF_TOO_BIG");
  assert.equal(why({ segments: [{ flags: 5, address: 0x10000, memorySize: 2 ** 41 }] }), "ELF_TOO_BIG");
});

test("an error is one line, whatever the file says", () => {
  const data = new TextEncoder().encode("/lib/\x1b[31m\nld\0");
  const image = parseElf(
    buildElf({
      segments: [
        { flags: 5, address: 0x10000, data },
        { type: 3, data },
      ],
    }),
  );
  const error = new SageError("INTERPRETER_MISSING", `no ${image.interpreter}`, "do");
  assert.equal(error.line, "INTERPRETER_MISSING: no /lib/\\x1b[31m\\x0ald (do)");
  assert.equal(error.exitCode, 127);
});

test("formats are told apart by their bytes", () => {
  const text = (s: string) => Uint8Array.from(s, (c) => c.charCodeAt(0));
  const pe = new Uint8Array(512);
  pe.set(text("MZ"));
  pe[0x3c] = 0x80;
  pe.set(text("PE\0\0\x64\xaa"), 0x80);
  const dmg = new Uint8Array(1024);
  dmg.set(text("koly"), 512);
  const cases: [Uint8Array, string, string?][] = [
    [buildElf(), "elf"],
    [text("#!/bin/sh -e\necho"), "script"],
    [pe, "pe", "aarch64"],
    [text("MZ and no more"), "dos"],
    [text("\xcf\xfa\xed\xfe\x0c\0\0\x01"), "mach-o", "aarch64"],
    [text("\xca\xfe\xba\xbe\0\0\0\x01\x01\0\0\x07".padEnd(28, "\0")), "mach-o", "x86_64"],
    [text("\xca\xfe\xba\xbe\0\0\0\x34"), "java-class"],
    [text("\0asm\x01\0\0\0"), "wasm"],
    [text("\x1f\x8b\x08"), "gzip"],
    [text("PK\x03\x04"), "zip"],
    [text("!<arch>\ndebian-binary"), "deb"],
    [text("!<arch>\nfoo.o/"), "ar"],
    [dmg, "dmg"],
    [text("hello\n"), "unknown"],
    [new Uint8Array(0), "empty"],
  ];
  for (const [bytes, format, isa] of cases) {
    const found = detect(bytes);
    assert.equal(found.format, format);
    if (isa) assert.deepEqual(found.isas, [isa]);
    if (format !== "elf")
      assert.notEqual(
        code(() => parseImage(bytes)),
        "fine",
      );
  }
});

const libc = "/usr/riscv64-linux-gnu/lib/libc.so.6";
const objdump = "/usr/bin/riscv64-linux-gnu-objdump";
const missing = !existsSync(libc) || !existsSync(objdump);
const skip = missing && process.env.CI !== "true" && "no libc6-riscv64-cross and binutils-riscv64-linux-gnu";
test("a real libc agrees with objdump on sections, symbols, needed libraries", { skip }, () => {
  const image = parseElf(readFileSync(libc));
  const lines = (flag: string) => execFileSync(objdump, [flag, libc], { encoding: "utf8" }).split("\n");
  const sections = lines("-hw").flatMap((l) => l.match(/^ +\d+ (\S+) +([0-9a-f]+) {2}([0-9a-f]+)/)?.slice(1, 4) ?? []);
  const named = image.sections().filter((s) => s.prot || ![0, 2, 3].includes(s.type));
  const ours = named.flatMap((s) => [s.name, hex(s.size, 8), hex(s.address, 16)]);
  assert.deepEqual(ours, sections);
  const symbols = lines("-T").flatMap((l) => l.match(/^([0-9a-f]{16}) .{7} \S+\t([0-9a-f]{16})/)?.[1] ?? []);
  assert.deepEqual(
    image.symbols().map((s) => hex(s.address, 16)),
    symbols,
  );
  assert.deepEqual(image.dynamic().needed, ["ld-linux-riscv64-lp64d.so.1"]);
  assert.equal(image.dynamic().soname, "libc.so.6");
  assert.deepEqual([image.os, image.osEvidence, image.isa, image.abi], ["linux", "note", "riscv64", "lp64d"]);
});
const hex = (n: number, width: number) => n.toString(16).padStart(width, "0");
