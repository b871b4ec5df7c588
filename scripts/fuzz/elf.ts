import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { SageError } from "../../src/errors.ts";
import { detect, parseImage } from "../../src/format/detect.ts";
import { bytesAt, type Image } from "../../src/format/image.ts";
import { imageRisks } from "../../src/format/risks.ts";
import { checkRunnable } from "../../src/format/runnable.ts";
import { buildElf } from "../../tests/format/build-elf.ts";

export interface Seed {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Files larger than this slow a campaign down without showing more. */
const MOST_BYTES = 1 << 20;
const places = ["samples", "/usr/riscv64-linux-gnu/lib"];

/** ELF files to mutate: made-up ones of every class and order, the samples, the cross libraries where they are installed. */
export function seeds(): Seed[] {
  const made = ([32, 64] as const).flatMap((bits) =>
    [true, false].map((little) => ({
      name: `made-${bits}-${little ? "little" : "big"}`,
      bytes: buildElf({
        ...{ bits, little },
        segments: [
          { flags: 5, address: 0x10000, data: new Uint8Array(64).fill(0x13) },
          { flags: 6, address: 0x20000, data: new Uint8Array(16), memorySize: 0x3000 },
          { type: 3, data: new TextEncoder().encode("/lib/ld.so.1\0") },
          { type: 7, address: 0x20000, offset: 80, fileSize: 4, memorySize: 16, align: 8 },
          { type: 2, address: 0x10000, data: new Uint8Array(64).fill(5) },
          { type: 4, data: Uint8Array.of(4, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 71, 78, 85, 0, 0, 0, 0, 0) },
        ],
      }),
    })),
  );
  const found = places.flatMap((dir) => (fs.existsSync(dir) ? fs.readdirSync(dir).map((f) => path.join(dir, f)) : []));
  const real = found.flatMap((file) => {
    const stat = fs.statSync(file);
    if (!stat.isFile() || stat.size > MOST_BYTES) return [];
    const bytes = new Uint8Array(fs.readFileSync(file));
    return detect(bytes).format === "elf" ? [{ name: path.basename(file), bytes }] : [];
  });
  return [...made, ...real];
}

export type Random = (below: number) => number;

/** mulberry32: whole numbers below `below`. */
export function random(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Numbers that headers lie with; the size of the file and its neighbours are added for each. */
const liars = [0n, 1n, 2n, 7n, 0xffn, 0xfffn, 0x1000n, 0xffffn, 0x7fffffffn, 0x80000000n, 0xffffffffn, 0x100000000n];
const farLiars = [2n ** 40n, 2n ** 47n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 4096n, 2n ** 64n - 1n];

/** A mutated copy: one to eight lies, mostly in headers and tables; one in eight cut short. */
export function mutate(seed: Seed, pick: Random): Uint8Array {
  const size = seed.bytes.length;
  const bytes = pick(8) === 0 ? seed.bytes.slice(0, pick(size)) : seed.bytes.slice();
  const view = new DataView(bytes.buffer);
  const values = [...liars, ...farLiars, BigInt(size), BigInt(size - 1), BigInt(size + 1)];
  for (let lies = 1 + pick(8); lies > 0 && bytes.length > 0; lies--) {
    // headers at the start three times in four, anything, then the tables at the end
    const zone = [64, 64 + 56 * 12, 512, bytes.length][pick(4)]!;
    const from = pick(6) === 0 ? Math.max(0, bytes.length - 4096) : 0;
    const at = from + pick(Math.min(zone, bytes.length - from));
    const width = [1, 2, 4, 8][pick(4)]!;
    const aligned = at - (at % width);
    if (aligned + width > bytes.length || pick(4) === 0) bytes[at] = pick(256);
    else write(view, aligned, width, values[pick(values.length)]!, pick(8) !== 0);
  }
  return bytes;
}

function write(view: DataView, at: number, width: number, value: bigint, little: boolean): void {
  if (width === 8) view.setBigUint64(at, BigInt.asUintN(64, value), little);
  else if (width === 4) view.setUint32(at, Number(value & 0xffffffffn), little);
  else if (width === 2) view.setUint16(at, Number(value & 0xffffn), little);
  else view.setUint8(at, Number(value & 0xffn));
}

/** What came of each case: an error's code, or what the file was taken for. */
export type Tally = Record<string, number>;

/** Cases by their seeds, from `first` on. */
export interface Campaign {
  readonly first: number;
  readonly cases: number;
  /** Called before each case, with the number done. */
  readonly progress?: (done: number) => void;
  /** Takes what went wrong; thrown where it is not given. */
  readonly failed?: (error: Error) => void;
}

/** Each case: mutate, then everything that reads an image. Anything thrown that is no SageError names its seed. */
export function fuzzElf(files: readonly Seed[], of: Campaign): Tally {
  return campaign(files, of, readAll);
}

export function campaign(
  files: readonly Seed[],
  { first, cases, progress, failed }: Campaign,
  one: (bytes: Uint8Array, pick: Random) => string,
): Tally {
  const tally: Tally = {};
  for (let i = 0; i < cases; i++) {
    progress?.(i);
    const pick = random(first + i);
    const file = files[pick(files.length)]!;
    const bytes = mutate(file, pick);
    let outcome = "FAILED";
    try {
      outcome = one(bytes, pick);
    } catch (cause) {
      const text = cause instanceof Error ? cause.stack : String(cause);
      const error = new Error(`--seed ${first + i} --cases 1 (${file.name}): ${text}`, { cause });
      if (!failed) throw error;
      failed(error);
    }
    tally[outcome] = (tally[outcome] ?? 0) + 1;
  }
  return tally;
}

function readAll(bytes: Uint8Array): string {
  detect(bytes);
  const image = coded(() => parseImage(bytes));
  if (typeof image === "string") return image;
  for (const table of [image.sections, image.symbols, image.dynamic, image.notes]) coded<unknown>(table);
  imageRisks(image);
  checkBounds(image);
  const able = { isas: ["riscv64"], oses: ["linux"], addressLimit: 0xffff0000 };
  return coded(() => checkRunnable(image, able)) ?? "runnable";
}

/** What everyone behind the parser relies on. */
function checkBounds(image: Image): void {
  let last = 0;
  for (const s of image.segments) {
    assert.ok(s.address >= last, "segments ascend and do not overlap");
    assert.ok(s.fileOffset + s.fileSize <= image.bytes.length, "a segment's bytes are in the file");
    assert.ok(s.fileSize <= s.memorySize);
    assert.ok(Number.isSafeInteger(s.address + s.memorySize), "addresses are exact");
    last = s.address + s.memorySize;
  }
  const code = bytesAt(image, image.entry);
  assert.ok(code === undefined || code.length > 0);
}

/** The value, or the code of the SageError; its line must be one line. */
export function coded<T>(read: () => T): T | string {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SageError)) throw error;
    assert.match(error.line, /^[A-Z_]+: [^\n\r]+ \([^\n\r]+\)$/);
    return error.code;
  }
}
