import type { Inst, Node, Slot } from "../../ir/node.ts";
import { ENGINE_MEMORY_BYTES, Exit, STATE } from "../../memory/layout.ts";
import { IMPORT_ENGINE, IMPORT_FLOAT, IMPORT_GUEST, IMPORTS } from "./abi.ts";
import { Access } from "./access.ts";
import { type Batch, findSticky } from "./batch.ts";
import { I32 } from "./code.ts";
import type { CodeSource } from "./discover.ts";
import { enter } from "./door.ts";
import { Emitter } from "./emit.ts";
import { inexactBits } from "./float-host.ts";
import { type Block, buildFunc, cutCalls, type Func } from "./func.ts";
import type { Surroundings } from "./graph.ts";
import { halvesOf, Splitter, Tastes } from "./halves.ts";
import { ModuleBuilder } from "./module.ts";
import { signaturesOf } from "./signature.ts";
import { type Roles, rolesOf, standsAlone, watched } from "./slots.ts";
import { type Analysed, summarise } from "./summary.ts";

/** What the region compiler needs of a rulebook. */
export interface RegionBook {
  readonly slots: readonly Slot[];
  readonly traps: readonly string[];
  readonly stops: readonly string[];
}

export interface RegionOptions {
  /** relaxed_madd is fused on this host (probe.ts). */
  readonly fused: boolean;
  /** Largest function, in blocks. */
  readonly maxBlocks?: number;
  /** Most functions and instructions that callees may add to the entries. */
  readonly maxFunctions?: number;
  readonly maxInstructions?: number;
  /** Guest calls on the wasm stack before recursion goes through the dispatcher. */
  readonly depthLimit?: number;
  /** Check every access: one that is not allowed leaves with the state before its instruction, for the evaluator. */
  readonly checked?: boolean;
  /** What cannot be expressed here is for the interpreter behind the dispatcher, and not for the evaluator. */
  readonly interpreted?: boolean;
  /** Names in the module, for profilers. */
  readonly names?: boolean;
  /** Entries to compile even where another function of the batch runs through them. */
  readonly must?: (pc: number) => boolean;
  /** Most blocks that the function at an entry is worth for now; with more it is left out, and told to `large`. */
  readonly worth?: (pc: number) => number;
  readonly large?: (pc: number) => void;
  /** True: do not compile this callee along (it is compiled better elsewhere, or never runs). */
  readonly skip?: (pc: number) => boolean;
  /** Rewrite rows at work: an equal value that costs less, or the value itself. */
  readonly rewrite?: ((node: Node) => Node) | undefined;
}

/** A compiled batch. */
export interface Regions {
  /** The module; import object as in abi.ts. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Entry pc to the name of the exported function: () -> (). */
  readonly exports: ReadonlyMap<number, string>;
  /** Entry pc to the guest instructions of its function. */
  readonly sizes: ReadonlyMap<number, number>;
  /** Guest addresses [first, end) that were read as code, or as constant tables. */
  readonly extent: readonly (readonly [number, number])[];
  readonly blocks: number;
  readonly instructions: number;
}

/** Bytes of wasm stack that recursion may take: V8 has 984 KiB, of which its caller and the callees need some. */
const RECURSION_BYTES = 480 * 1024;
/** Bytes of a frame in V8's baseline code: a word a local, and what calls need. */
const frameBytes = (locals: number): number => 8 * locals + 256;

const DEFAULTS = { maxBlocks: 800, maxFunctions: 100, maxInstructions: 4000, depthLimit: 400 };

/**
 * Compiles the functions at `entries` and, within limits, those they call, into one module. null: nothing compiles.
 * An entry inside a function of an entry before it is left out, unless it must be.
 * Every function of the batch is exported, so each is a good entry later too.
 */
export function compileRegions(
  book: RegionBook,
  source: CodeSource,
  entries: readonly number[],
  options: RegionOptions,
): Regions | null {
  const halves = halvesOf(book.slots);
  const { slots } = halves;
  const roles = rolesOf(slots);
  const tastes = new Tastes(halves);
  const watch = (): CodeSource => watched(source, roles, tastes, new Splitter(halves));
  let watching = watch();
  const around = {
    ...roles,
    widthOf: (slot: number) => slots[slot]!.w,
    checked: options.checked ?? false,
    rewrite: options.rewrite,
  };
  const limits = { ...DEFAULTS, ...options };
  let found = findFuncs(watching, entries, limits, around);
  // Code may show the role of a slot only after blocks were made without knowing it.
  for (let roleCount = -1; roleCount !== roles.resident.size; ) {
    roleCount = roles.resident.size;
    if (found.roleCount !== roleCount) found = findFuncs(watching, entries, limits, around);
  }
  if (tastes.settle()) {
    watching = watch();
    found = findFuncs(watching, entries, limits, around);
  }
  const { funcs, indexOf, instructions } = found;
  if (funcs.length === 0) return null;
  const calleeOf = (block: Block): number => (block.flow.k === "call" ? (indexOf.get(block.callee) ?? -1) : -1);
  const wanted = new Set(entries);
  const isEntry = funcs.map((func) => wanted.has(func.entry));
  const analysed = summarise(funcs, isEntry, slots.length, around.resident, calleeOf);
  return emitModule(
    { ...book, slots },
    options,
    limits.depthLimit,
    inexactSoFar(source, funcs),
    { ...analysed, ...around },
    instructions,
  );
}

interface Found {
  readonly funcs: readonly Func[];
  readonly indexOf: ReadonlyMap<number, number>;
  readonly instructions: number;
  /** Roles known when the search began. */
  readonly roleCount: number;
}

function findFuncs(
  source: CodeSource,
  entries: readonly number[],
  limits: Required<Pick<RegionOptions, "maxBlocks" | "maxFunctions" | "maxInstructions">> & RegionOptions,
  around: Roles & Surroundings,
): Found {
  const roleCount = around.resident.size;
  const funcs: Func[] = [];
  const indexOf = new Map<number, number>();
  const work = entries.slice();
  const wanted = new Set(entries);
  const covered = new Set<number>();
  let instructions = 0;
  const enters = ({ flow, callee }: Block): boolean =>
    flow.k !== "call" ||
    (callee >= 0 &&
      (wanted.has(callee) || indexOf.has(callee) || (!limits.skip?.(callee) && source.inst(callee) !== null)));
  for (let at = 0; at < work.length; at++) {
    const pc = work[at]!;
    if (indexOf.has(pc)) continue;
    if (at < entries.length && covered.has(pc) && !limits.must?.(pc)) continue;
    if (!wanted.has(pc) && (funcs.length >= limits.maxFunctions || instructions > limits.maxInstructions)) continue;
    const alone = (inst: Inst): boolean => standsAlone(inst, around);
    const worth = wanted.has(pc) ? limits.worth?.(pc) : undefined;
    const func = buildFunc(source, pc, { maxBlocks: limits.maxBlocks, worth, around, alone, resolves: enters });
    if (func === "large") {
      if (wanted.has(pc)) limits.large?.(pc);
      continue;
    }
    // Nothing would be done there, and the interpreter would come back at once.
    if (func === null || (limits.interpreted && func.blocks[0]!.values.giveUp === pc)) continue;
    indexOf.set(pc, funcs.length);
    funcs.push(func);
    instructions += func.instructions;
    for (const block of func.blocks) covered.add(block.raw.pc);
    for (const block of func.blocks)
      if (block.flow.k === "call" && block.succs[0] !== undefined) work.push(block.callee);
  }
  const resolves = (block: Block): boolean => block.flow.k !== "call" || indexOf.has(block.callee);
  return { funcs: funcs.map((func) => cutCalls(func, resolves)), indexOf, instructions, roleCount };
}

/** Whether the guest's sticky exceptions have NX now, as code does that is not exact throughout. */
function inexactSoFar(source: CodeSource, funcs: readonly Func[]): boolean {
  for (const func of funcs) {
    const sticky = findSticky(func);
    if (sticky === undefined) continue;
    const bits = inexactBits(sticky);
    const now = source.guess?.(sticky.slot);
    return now === undefined || (now & bits) === bits;
  }
  return true;
}

function emitModule(
  book: RegionBook,
  options: RegionOptions,
  depthLimit: number,
  inexact: boolean,
  all: Analysed & Roles,
  instructions: number,
): Regions {
  const module = new ModuleBuilder();
  module.importMemory(IMPORTS, IMPORT_GUEST, 0);
  module.importMemory(IMPORTS, IMPORT_ENGINE, ENGINE_MEMORY_BYTES / 0x10000);
  const importFloat = module.importFunc(IMPORTS, IMPORT_FLOAT, module.type([I32], [I32]));
  const { slots } = book;
  const signatures = signaturesOf(module, slots, all);
  const batch: Batch = {
    slots,
    traps: book.traps,
    stops: book.stops,
    summaries: all.summaries,
    signatures,
    float: {
      module,
      importFloat,
      fused: options.fused,
      inlineExact: true,
      exactFirst: !inexact,
      slotOffset: (slot) => STATE + slots[slot]!.offset,
      slotWidth: (slot) => slots[slot]!.w,
      helpers: new Map(),
    },
    access: new Access(),
    resident: all.resident,
    assumedZero: all.assumedZero,
    rest: options.interpreted ? Exit.Dispatch : Exit.Evaluate,
  };
  const exports = new Map<number, string>();
  const sizes = new Map<number, number>();
  const extent: (readonly [number, number])[] = [];
  let blocks = 0;
  let deepest = 0;
  const voidType = module.type([], []);
  all.units.forEach(({ func }, i) => {
    const code = new Emitter(batch, all.analyses[i]!).run();
    if (signatures[i]!.recursive) deepest = Math.max(deepest, frameBytes(code.locals));
    module.body(signatures[i]!.func, code);
    extent.push(...func.extent);
    blocks += func.blocks.length;
  });
  const depth = Math.min(depthLimit, Math.max(1, Math.floor(RECURSION_BYTES / (deepest + 1))));
  all.units.forEach(({ func, outer }, i) => {
    if (!outer) return;
    const name = func.entry.toString(16);
    const door = module.func(voidType, `enter_${name}`);
    module.body(door, enter(func.entry, signatures[i]!, slots, depth));
    module.exportFunc(name, door);
    exports.set(func.entry, name);
    sizes.set(func.entry, func.instructions);
  });
  return { bytes: module.build(options.names), exports, sizes, extent, blocks, instructions };
}
