import { sageError } from "../../errors.ts";
import type { Image, Segment } from "../../format/image.ts";
import { type AddressSpace, pageDown, pageUp } from "../../kernel/address-space.ts";
import type { Process, Task } from "../../kernel/process.ts";
import { ADDRESS_LIMIT, BIAS } from "../../memory/layout.ts";
import { encodeText } from "../text.ts";
import type { Linux } from "./personality.ts";

/**
 * Where position-independent programs go. Upwards from a program: its break with this much room, a gap, the stack, the
 * trampoline, mappings. All as low as can be: a wasm memory reaches to the highest page in use, and its size alone
 * makes V8 collect garbage. A break that has no more room is an error that allocators answer with mappings.
 */
const PIE_BASE = 0x00400000;
const BRK_ROOM = 0x1000000;
const STACK_GAP = 0x10000;
const STACK_SIZE = 0x800000;
/** Linux: a quarter of the stack limit, and no string longer than 32 pages. */
export const ARGUMENT_SPACE = STACK_SIZE / 4;
export const MAX_STRING = 0x20000;

/** A program with all that it needs in hand. */
export interface Program {
  readonly image: Image;
  /** As the guest knows it: AT_EXECFN. */
  readonly path: string;
  /** Where it really is, links resolved. */
  readonly file: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  /** The dynamic linker it asks for. */
  readonly linker: { readonly image: Image; readonly path: string } | null;
}

/** Maps a program into an empty address space and sets the task to its first instruction. Throws SageError, OutOfGuestMemory. */
export function load(linux: Linux, task: Task, program: Program): void {
  const { process, space, cpu } = task;
  const { image, linker } = program;
  const base = place(space, image, program.file, PIE_BASE);
  space.brkStart = pageUp(Math.max(...image.segments.map((s) => s.address + s.memorySize), 0) + base);
  space.brk = space.brkStart;
  const low = space.find(STACK_GAP + STACK_SIZE, space.brkStart + BRK_ROOM) + STACK_GAP;
  const stackTop = low + STACK_SIZE;
  space.brkEnd = low - STACK_GAP > space.brkStart ? low - STACK_GAP : ADDRESS_LIMIT;
  space.map({ start: low, end: stackTop, prot: 3 | ((image.stackProt ?? 3) & 4), name: "[stack]" });
  space.mmapBase = stackTop;
  trampoline(space, process, linux);
  const linkerBase = linker ? place(space, linker.image, linker.path, null) : 0;
  const entry = image.entry + base;
  const sp = stack(process, linux, space, program, { base, linker: linkerBase, entry, stackTop });
  for (let slot = 0; slot < cpu.slots.length; slot++) cpu.set(slot, 0, 0);
  cpu.set(cpu.slot(linux.abi.stack), sp | 0, 0);
  cpu.pc = linker ? linker.image.entry + linkerBase : entry;
}

/** Maps an image; returns what is added to its addresses. base null: wherever there is room. */
function place(space: AddressSpace, image: Image, path: string, base: number | null): number {
  const low = pageDown(Math.min(...image.segments.map((s) => s.address)));
  const high = pageUp(Math.max(...image.segments.map((s) => s.address + s.memorySize)));
  if (!image.segments.length || high > ADDRESS_LIMIT * 2)
    throw sageError("ELF_TOO_BIG", `${path} has nothing to map, or too much`);
  let bias = 0;
  if (image.type !== "exec") {
    const start = space.find(high - low, base ?? 0);
    bias = start - low;
  }
  if (low + bias < BIAS || high + bias > ADDRESS_LIMIT)
    throw sageError("ELF_SEGMENT", `${path} wants addresses from 0x${low.toString(16)} to 0x${high.toString(16)}`);
  for (const segment of image.segments) mapSegment(space, image, segment, bias, path);
  return bias;
}

function mapSegment(space: AddressSpace, image: Image, segment: Segment, bias: number, path: string): void {
  if (segment.memorySize === 0) return;
  const address = segment.address + bias;
  const start = pageDown(address);
  const end = pageUp(address + segment.memorySize);
  // Segments may share a page: what is there already stays, and the page may do what either may.
  const shared = space.within(start, start + 1)[0];
  const from = shared ? Math.min(shared.end, end) : start;
  const prot = segment.prot & 6 ? segment.prot | 1 : segment.prot;
  if (shared && from > start) space.protect(start, from - start, shared.prot | prot);
  if (end > from) space.map({ start: from, end, prot, name: path, offset: pageDown(segment.fileOffset) });
  const bytes = image.bytes.subarray(segment.fileOffset, segment.fileOffset + segment.fileSize);
  if (!bytes.length) return;
  if (prot === 0) space.memory.protect(start, end - start, 1);
  space.memory.poke(address, bytes);
  if (prot === 0) space.memory.protect(start, end - start, 0);
}

/** Code that the kernel gives every process: the return from signal handlers. */
function trampoline(space: AddressSpace, process: Process, linux: Linux): void {
  const start = space.find(linux.abi.page);
  space.map({ start, end: start + linux.abi.page, prot: 5, name: "[sigreturn]" });
  space.memory.poke(start, linux.abi.trampoline);
  process.trampoline = start;
}

interface Loaded {
  readonly base: number;
  readonly linker: number;
  readonly entry: number;
  readonly stackTop: number;
}

/** Auxiliary vector types (uapi auxvec.h), the same on every Linux. */
const AT = {
  NULL: 0,
  PHDR: 3,
  PHENT: 4,
  PHNUM: 5,
  PAGESZ: 6,
  BASE: 7,
  FLAGS: 8,
  ENTRY: 9,
  UID: 11,
  EUID: 12,
  GID: 13,
  EGID: 14,
  PLATFORM: 15,
  HWCAP: 16,
  CLKTCK: 17,
  SECURE: 23,
  RANDOM: 25,
  EXECFN: 31,
} as const;

/** Writes strings, auxv, envp, argv and argc as execve leaves them; returns the stack pointer, 16-byte aligned. */
function stack(process: Process, linux: Linux, space: AddressSpace, program: Program, loaded: Loaded): number {
  const { memory } = space;
  const { kernel } = process;
  let top = loaded.stackTop - 8;
  const push = (bytes: Uint8Array): number => {
    top -= bytes.length;
    memory.poke(top, bytes);
    return top;
  };
  const text = (value: string): number => push(terminated(value));
  const strings = [...program.args, ...program.env].map(terminated);
  const total = strings.reduce((sum, s) => sum + s.length + 8, 0);
  if (total > ARGUMENT_SPACE || strings.some((s) => s.length > MAX_STRING))
    throw sageError("USAGE", "the arguments and environment are too long", "Linux takes 2 MiB in all and 128 KiB each");
  const execfn = text(program.path);
  const env = program.env.map(text);
  const args = program.args.map(text);
  const platform = linux.abi.platform ? text(linux.abi.platform) : 0;
  const random = new Uint8Array(16);
  kernel.host.random(random);
  top = Math.floor(top / 16) * 16;
  const seed = push(random);
  const { phdr } = program.image;
  const { real, effective } = process.credentials;
  const other = real.uid !== effective.uid || real.gid !== effective.gid;
  const aux: [number, number][] = [
    [AT.HWCAP, linux.abi.hwcap],
    [AT.PAGESZ, linux.abi.page],
    [AT.CLKTCK, linux.abi.tick],
    ...(phdr.address === undefined ? [] : ([[AT.PHDR, phdr.address + loaded.base]] as [number, number][])),
    [AT.PHENT, phdr.entrySize],
    [AT.PHNUM, phdr.count],
    [AT.BASE, loaded.linker],
    [AT.FLAGS, 0],
    [AT.ENTRY, loaded.entry],
    [AT.UID, real.uid],
    [AT.EUID, effective.uid],
    [AT.GID, real.gid],
    [AT.EGID, effective.gid],
    [AT.SECURE, other ? 1 : 0],
    [AT.RANDOM, seed],
    [AT.EXECFN, execfn],
    ...(platform ? ([[AT.PLATFORM, platform]] as [number, number][]) : []),
    [AT.NULL, 0],
  ];
  process.auxv = vector(aux);
  const words = [args.length, ...args, 0, ...env, 0, ...aux.flat()];
  const sp = Math.floor((top - words.length * 8) / 16) * 16;
  for (const [i, word] of words.entries()) memory.setU64(sp + i * 8, word);
  return sp;
}

/** Pairs of 64-bit words. */
function vector(aux: readonly (readonly [number, number])[]): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(aux.length * 16));
  for (const [i, word] of aux.flat().entries()) bytes.setBigUint64(i * 8, BigInt(word), true);
  return new Uint8Array(bytes.buffer);
}

function terminated(value: string): Uint8Array {
  const bytes = encodeText(value);
  const out = new Uint8Array(bytes.length + 1);
  out.set(bytes);
  return out;
}
