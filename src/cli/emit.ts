import { llvmFunction } from "../backend/llvm/function.ts";
import { Module } from "../backend/llvm/module.ts";
import type { CodeSource } from "../backend/wasm/discover.ts";
import { compileRegions } from "../backend/wasm/region.ts";
import { printable, sageError } from "../errors.ts";
import { bytesAt, type Image } from "../format/image.ts";
import { watText } from "../format/wat.ts";
import type { Effect, Inst } from "../ir/node.ts";
import { instText } from "../ir/text.ts";
import type { Pages, Selection } from "./code-options.ts";
import { instructions, labels, wordText } from "./listing.ts";

/** What instructions are printed as. One entry a form of `--emit`. */
export const emitters: Readonly<Record<string, (selection: Selection, pages: Pages) => void>> = {
  sage: emitSage,
  llvm: emitLlvm,
  wat: emitWat,
};

/** The IR, instruction by instruction. */
function emitSage({ image, book, stretches, limit }: Selection, pages: Pages): void {
  const names = labels(image);
  for (const stretch of stretches) {
    for (const { address, bytes, decoded } of instructions(book, stretch, limit)) {
      const name = names.get(address);
      if (name) pages.line(`; <${printable(name)}>`);
      if (decoded) pages.line(instText(book.lift(decoded, address), book.slots));
      else pages.line(`; 0x${address.toString(16)}: no row decodes ${wordText(bytes, book.littleEndian)}\n`);
    }
  }
}

/** One module: a function for each symbol and each known target of a call; jumps within one stay inside. */
function emitLlvm(selection: Selection, pages: Pages): void {
  const { book } = selection;
  const { insts, starts, entries, names } = lift(selection);
  const module = new Module();
  const used = new Set<string>();
  let blocks: Inst[][] = [];
  const finish = () => {
    const pc = blocks[0]?.[0]?.pc;
    if (pc !== undefined) {
      const name = names.get(pc);
      // Static functions of different files may share a name
      const unique = name === undefined || used.has(name) ? `pc_${pc.toString(16)}` : name;
      used.add(unique);
      llvmFunction(module, unique, blocks, book.slots);
    }
    blocks = [];
  };
  let last: Inst | undefined;
  for (const inst of insts) {
    const follows = last !== undefined && last.pc + last.length === inst.pc;
    if (!follows || starts.has(inst.pc)) finish();
    if (blocks.length === 0 || entries.has(inst.pc) || last?.effects.some(leaves)) blocks.push([inst]);
    else blocks.at(-1)!.push(inst);
    last = inst;
  }
  finish();
  pages.line(module.toString());
}

/** What the wasm tier makes of those functions: one module. */
function emitWat(selection: Selection, pages: Pages): void {
  const { image, book } = selection;
  const { insts, starts } = lift(selection);
  const source: CodeSource = {
    inst: (pc) => {
      const bytes = bytesAt(image, pc);
      const decoded = bytes ? book.decode(bytes, 0) : null;
      return decoded && book.lift(decoded, pc);
    },
    constant: (address, size) => readOnly(image, address, size),
  };
  const first = insts.slice(0, 1).map((inst) => inst.pc);
  const functions = insts.filter((inst) => starts.has(inst.pc)).map((inst) => inst.pc);
  const regions = compileRegions(book, source, [...new Set([...first, ...functions])], {
    fused: false,
    skip: () => true,
  });
  if (!regions) throw sageError("ADDRESS", "there is no code that compiles");
  pages.line(watText(regions.bytes));
}

/** Bytes that the program cannot write: tables that its jumps read. */
function readOnly(image: Image, address: number, size: number): Uint8Array | null {
  const home = image.segments.find((s) => address >= s.address && address + size <= s.address + s.fileSize);
  if (!home || home.prot & 2) return null;
  return bytesAt(image, address)?.subarray(0, size) ?? null;
}

/** The selected instructions, where functions start (symbols, targets of calls), and where jumps enter. */
function lift({ image, book, stretches, limit }: Selection) {
  const names = labels(image);
  const insts: Inst[] = [];
  for (const stretch of stretches) {
    for (const { address, decoded } of instructions(book, stretch, limit))
      if (decoded) insts.push(book.lift(decoded, address));
  }
  const starts = new Set(names.keys());
  const entries = new Set<number>();
  for (const inst of insts) addTargets(inst.effects, starts, entries);
  return { insts, starts, entries, names };
}

function leaves(effect: Effect): boolean {
  if (effect.k === "if") return effect.then.some(leaves) || effect.else.some(leaves);
  return effect.k === "jump" || effect.k === "stop" || effect.k === "trap";
}

/** Adds the addresses that an instruction calls or jumps to, as far as they are constants. */
function addTargets(effects: readonly Effect[], calls: Set<number>, jumps: Set<number>): void {
  for (const effect of effects) {
    if (effect.k === "if") {
      addTargets(effect.then, calls, jumps);
      addTargets(effect.else, calls, jumps);
    } else if (effect.k === "jump" && effect.target.op === "const") {
      const { lo, hi } = effect.target;
      (effect.hint === "call" ? calls : jumps).add(hi * 0x100000000 + (lo >>> 0));
    }
  }
}
