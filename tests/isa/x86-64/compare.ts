import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { IsaBook } from "../../../src/rules/book.ts";
import type { ExpandedBook } from "../../../src/rules/expanded.ts";
import { Random } from "../oracle/random.ts";
import { fill, instruction, type Steer } from "./cases.ts";
import { evaluator } from "./evaluator.ts";
import * as R from "./record.ts";

const BYTES = R.RECORD * 8;

/** Compiles native.c and gives what runs records on this machine's CPU. */
export function nativeCpu(): (records: Uint8Array) => Uint8Array {
  const dir = mkdtempSync(join(tmpdir(), "sage-cpu-"));
  const program = join(dir, "native");
  const source = new URL("native.c", import.meta.url).pathname;
  const built = spawnSync("gcc", ["-O1", "-static", "-o", program, source], { encoding: "utf8" });
  if (built.status !== 0) throw new Error(`gcc: ${built.stderr}`);
  process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
  return (input) => {
    const run = spawnSync(program, { input, maxBuffer: 1 << 30, timeout: 20_000 });
    if (run.status !== 0 || run.stdout.length !== input.length)
      throw new Error(`native ended with ${run.status ?? run.signal} after ${run.stdout.length} bytes`);
    return run.stdout;
  };
}

/** Differences between the book and the CPU in `count` cases of each row that `chosen` takes. */
export function compareRows(
  book: IsaBook,
  expanded: ExpandedBook,
  cpu: (records: Uint8Array) => Uint8Array,
  chosen: (row: IsaBook["rows"][number]) => boolean,
  count: number,
  seed: number,
  steer?: (row: IsaBook["rows"][number]) => Steer,
): { cases: number; rows: number; wrong: string[] } {
  const run = evaluator(book);
  const wrong: string[] = [];
  let cases = 0;
  let rows = 0;
  for (const row of book.rows.filter(chosen)) {
    const random = new Random(seed * 65537 + row.index);
    const before = new Uint8Array(count * BYTES);
    let n = 0;
    for (let attempt = 0; n < count && attempt < 3 * count; attempt++) {
      const code = instruction(expanded, row.index, random, true);
      if (code === null || book.decode(code, 0)?.row !== row) continue;
      fill(before.subarray(n * BYTES, (n + 1) * BYTES), code, random, steer?.(row));
      n++;
    }
    if (n === 0) {
      wrong.push(`${row.name} (${row.source.file}:${row.source.line}): no instruction decodes to this row`);
      continue;
    }
    rows++;
    cases += n;
    const theirs = named(row.name, () => cpu(before.subarray(0, n * BYTES)));
    for (let i = 0; i < n; i++) {
      const mine = before.slice(i * BYTES, (i + 1) * BYTES);
      const open = named(row.name, () => run(mine));
      const text = difference(mine, theirs.subarray(i * BYTES, (i + 1) * BYTES), {
        open,
        anyByte: row.name.includes("maskmov"),
        entersEarly: row.section === "MMX",
      });
      if (text === "") continue;
      const code = mine.subarray(0, 15);
      const decoded = book.decode(code, 0);
      const line = decoded ? book.disassemble(decoded, R.CODE) : "?";
      wrong.push(`${line} (${Buffer.from(code.subarray(0, decoded?.length)).toString("hex")}): ${text}`);
      if (process.env.SAGE_SHOW) wrong.push(shown(before.subarray(i * BYTES, (i + 1) * BYTES)));
    }
  }
  return { cases, rows, wrong };
}

const hex = (v: bigint): string => v.toString(16);
const NAMES = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split(" ");

interface Leeway {
  /** Flags that the row leaves open. */
  readonly open: bigint;
  /** A store under a mask may report any of its bytes. */
  readonly anyByte: boolean;
  /** The processor may make the x87's registers MMX's and then fault. */
  readonly entersEarly: boolean;
}

/** What differs, in words; "" nothing. A trapped row leaves the sticky exceptions out. */
function difference(mine: Uint8Array, theirs: Uint8Array, { open, anyByte, entersEarly }: Leeway): string {
  const a = new BigUint64Array(mine.buffer.slice(mine.byteOffset, mine.byteOffset + BYTES));
  const b = new BigUint64Array(theirs.buffer.slice(theirs.byteOffset, theirs.byteOffset + BYTES));
  const va = new DataView(a.buffer);
  const vb = new DataView(b.buffer);
  const out: string[] = [];
  if (a[R.SIGNAL] !== b[R.SIGNAL])
    return `signal ${a[R.SIGNAL]} at ${hex(a[R.PC])}, CPU ${b[R.SIGNAL]} at ${hex(b[R.PC])}`;
  if (a[R.PC] !== b[R.PC]) out.push(`pc ${hex(a[R.PC])}, CPU ${hex(b[R.PC])}`);
  if (a[R.SIGNAL] === R.SIGSEGV && a[R.ADDRESS] !== b[R.ADDRESS] && !anyByte)
    out.push(`address ${hex(a[R.ADDRESS])}, CPU ${hex(b[R.ADDRESS])}`);
  const flags = Object.values(R.FLAG_BITS).reduce((m, bit) => m | (1n << BigInt(bit)), 0n) & ~open;
  if ((a[R.FLAGS] & flags) !== (b[R.FLAGS] & flags))
    out.push(`flags ${hex(a[R.FLAGS] & flags)}, CPU ${hex(b[R.FLAGS] & flags)}`);
  for (let i = 0; i < 16; i++)
    if (a[R.G + i] !== b[R.G + i]) out.push(`${NAMES[i]} ${hex(a[R.G + i])}, CPU ${hex(b[R.G + i])}`);
  const sticky = a[R.SIGNAL] === R.SIGTRAP ? 0xffff : 0xffc0;
  const ma = va.getUint16(R.MXCSR, true);
  const mb = vb.getUint16(R.MXCSR, true);
  if ((ma & sticky) !== (mb & sticky)) out.push(`mxcsr ${ma.toString(16)}, CPU ${mb.toString(16)}`);
  const fpu = !entersEarly || a[R.SIGNAL] === R.SIGTRAP;
  for (const [name, at] of [
    ["fcw", R.FCW],
    ["fsw", R.FSW],
    ["ftw", R.FTW],
  ] as const)
    if (fpu && va.getUint16(at, true) !== vb.getUint16(at, true))
      out.push(`${name} ${va.getUint16(at, true).toString(16)}, CPU ${vb.getUint16(at, true).toString(16)}`);
  for (let i = 0; fpu && i < 8; i++) pair(out, `st${i}`, va, vb, R.ST + 16 * i);
  for (let i = 0; i < 16; i++) {
    pair(out, `xmm${i}`, va, vb, R.XMM + 16 * i);
    pair(out, `ymm${i}'s upper half`, va, vb, R.HIGH * 8 + 16 * i);
  }
  for (let i = R.MEMORY; i < R.RECORD; i++)
    if (a[i] !== b[i]) out.push(`memory at ${R.WINDOW_AT + 8 * (i - R.MEMORY)} ${hex(a[i])}, CPU ${hex(b[i])}`);
  return out.join("; ");
}

const sixteen = (v: DataView, at: number): string =>
  `${hex(v.getBigUint64(at + 8, true)).padStart(16, "0")}_${hex(v.getBigUint64(at, true)).padStart(16, "0")}`;
function pair(out: string[], name: string, a: DataView, b: DataView, at: number): void {
  if (sixteen(a, at) !== sixteen(b, at)) out.push(`${name} ${sixteen(a, at)}, CPU ${sixteen(b, at)}`);
}

/** The state that a case began with. */
function shown(record: Uint8Array): string {
  const v = new DataView(record.buffer, record.byteOffset, BYTES);
  const word = (at: number): string => v.getUint16(at, true).toString(16);
  const lines = [`    mxcsr ${word(R.MXCSR)} fcw ${word(R.FCW)} fsw ${word(R.FSW)} ftw ${word(R.FTW)}`];
  for (let i = 0; i < 8; i++) lines.push(`    st${i} ${sixteen(v, R.ST + 16 * i)}`);
  for (let i = 0; i < 16; i++)
    lines.push(`    ymm${i} ${sixteen(v, R.HIGH * 8 + 16 * i)} ${sixteen(v, R.XMM + 16 * i)}`);
  return lines.join("\n");
}

/** Says which row an error is about. */
function named<T>(name: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
