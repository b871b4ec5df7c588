import type { Inst, Slot } from "../../ir/node.ts";
import { CTL_DEPTH, CTL_EXIT, CTL_PC, ENGINE_MEMORY_BYTES, Exit, STATE } from "../../memory/layout.ts";
import { IMPORT_ENGINE, IMPORT_FLOAT, IMPORT_GUEST, IMPORTS, UNWOUND } from "./abi.ts";
import { Access } from "./access.ts";
import { Analysis, type Summaries } from "./analysis.ts";
import { type Batch, findSticky, type Signature } from "./batch.ts";
import { BitRows } from "./bits.ts";
import { Code, ENGINE, F64, I32, I64, type ValueType } from "./code.ts";
import type { CodeSource } from "./discover.ts";
import { Emitter } from "./emit.ts";
import { inexactBits } from "./float.ts";
import { paramType } from "./frame.ts";
import { type Block, buildFunc, type Func } from "./func.ts";
import type { Surroundings } from "./graph.ts";
import { ModuleBuilder } from "./module.ts";
import { M, W } from "./opcodes.ts";
import { checkPreserved } from "./preserve.ts";
import { type Roles, rolesOf, standsAlone, watched } from "./slots.ts";

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
  /** Names in the module, for profilers. */
  readonly names?: boolean;
  /** Entries to compile even where another function of the batch runs through them. */
  readonly must?: (pc: number) => boolean;
  /** True: do not compile this callee along (it is compiled better elsewhere, or never runs). */
  readonly skip?: (pc: number) => boolean;
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
  const { slots } = book;
  const roles = rolesOf(slots);
  const watching = watched(source, roles);
  const around = { ...roles, widthOf: (slot: number) => slots[slot]!.w, checked: options.checked ?? false };
  const limits = { ...DEFAULTS, ...options };
  let found = findFuncs(watching, entries, limits, around);
  // Code may show the role of a slot only after blocks were made without knowing it.
  for (let roleCount = -1; roleCount !== roles.resident.size; ) {
    roleCount = roles.resident.size;
    if (found.roleCount !== roleCount) found = findFuncs(watching, entries, limits, around);
  }
  const { funcs, indexOf, instructions } = found;
  if (funcs.length === 0) return null;
  const calleeOf = (block: Block): number => (block.flow.k === "call" ? (indexOf.get(block.callee) ?? -1) : -1);
  const { summaries, analyses } = summarise(funcs, slots.length, around.resident, calleeOf);
  return emitModule(
    book,
    options,
    limits.depthLimit,
    inexactSoFar(source, funcs),
    { funcs, summaries, analyses, ...around },
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
  for (let at = 0; at < work.length; at++) {
    const pc = work[at]!;
    if (indexOf.has(pc)) continue;
    if (at < entries.length && covered.has(pc) && !limits.must?.(pc)) continue;
    if (!wanted.has(pc) && (funcs.length >= limits.maxFunctions || instructions > limits.maxInstructions)) continue;
    const alone = (inst: Inst): boolean => standsAlone(inst, around);
    const func = buildFunc(source, pc, { maxBlocks: limits.maxBlocks, around, alone });
    if (func === null) continue;
    indexOf.set(pc, funcs.length);
    funcs.push(func);
    instructions += func.instructions;
    for (const block of func.blocks) covered.add(block.raw.pc);
    for (const block of func.blocks)
      if (block.flow.k === "call" && block.callee >= 0 && !limits.skip?.(block.callee)) work.push(block.callee);
  }
  return { funcs, indexOf, instructions, roleCount };
}

interface Analysed {
  readonly funcs: readonly Func[];
  readonly summaries: Summaries;
  readonly analyses: readonly Analysis[];
  readonly resident: ReadonlySet<number>;
  readonly assumedZero: ReadonlySet<number>;
}

/** Results beside the pc that come back in registers or on the wasm stack. */
const MAX_RESULTS = 2;

function summarise(
  funcs: readonly Func[],
  slotCount: number,
  resident: ReadonlySet<number>,
  calleeOf: (block: Block) => number,
): { summaries: Summaries; analyses: readonly Analysis[] } {
  const n = funcs.length;
  const changes = new BitRows(n, slotCount);
  const preserved = new BitRows(n, slotCount);
  const restores = new BitRows(n, slotCount);
  const defines = new BitRows(n, slotCount);
  const takes = new BitRows(n, slotCount);
  const results: number[][] = funcs.map(() => []);
  const writes = new BitRows(n, slotCount);
  funcs.forEach((func, i) => {
    for (const block of func.blocks) for (const slot of block.values.sets.keys()) writes.add(i, slot);
    preserved.fill(i, slotCount);
  });
  const summaries: Summaries = {
    slotCount,
    changes,
    touches: writes,
    defines,
    preserved,
    restores,
    takes,
    results,
    resident,
    calleeOf,
  };
  const callees = funcs.map((func) => func.blocks.map(calleeOf).filter((callee) => callee >= 0));
  // What each changes follows from what it gives back, and the other way round: from the most hopeful, downwards.
  for (let again = true; again; ) {
    again = false;
    changes.data.fill(0);
    for (let grew = true; grew; ) {
      grew = false;
      for (let i = n - 1; i >= 0; i--) {
        const before = new BitRows(1, slotCount);
        before.copy(0, changes, i);
        changes.union(i, writes, i);
        for (const callee of callees[i]!) changes.union(i, changes, callee);
        changes.subtract(i, preserved, i);
        if (!before.equal(0, changes, i)) grew = true;
      }
    }
    for (let i = n - 1; i >= 0; i--) {
      const func = funcs[i]!;
      const modifies = (block: Block, slot: number): boolean => {
        const callee = calleeOf(block);
        return callee < 0 || changes.has(callee, slot);
      };
      if (checkPreserved(func, i, preserved, slotCount, modifies)) again = true;
    }
  }
  // Only what is written on the way needs giving back.
  for (let grew = true; grew; ) {
    grew = false;
    for (let i = n - 1; i >= 0; i--) for (const callee of callees[i]!) if (writes.union(i, writes, callee)) grew = true;
  }
  for (let i = 0; i < n; i++) {
    preserved.intersect(i, writes, i);
    takes.union(i, preserved, i);
  }
  findDefined(funcs, defines, slotCount, calleeOf);
  const left = new BitRows(1, slotCount);
  for (let grew = true; grew; ) {
    grew = false;
    for (let i = n - 1; i >= 0; i--) {
      for (const callee of callees[i]!) {
        left.copy(0, changes, callee);
        left.union(0, restores, callee);
        left.intersect(0, preserved, i);
        if (restores.union(i, left, 0)) grew = true;
      }
    }
  }
  const analyses = funcs.map((func, i) => new Analysis(func, i, summaries));
  const settle = (): void => {
    for (let grew = true; grew; ) {
      grew = false;
      for (let i = n - 1; i >= 0; i--) {
        const analysis = analyses[i]!;
        if (analysis.flowDirty()) grew = true;
        if (analysis.flowLive()) grew = true;
        if (takes.union(i, analysis.live, 0)) grew = true;
      }
    }
  };
  settle();
  chooseResults(analyses, summaries);
  settle();
  for (const analysis of analyses) analysis.flowSext();
  return { summaries, analyses };
}

/** Slots set on every way from a function's entry to its returns: from all downwards. */
function findDefined(
  funcs: readonly Func[],
  defines: BitRows,
  slotCount: number,
  calleeOf: (block: Block) => number,
): void {
  funcs.forEach((_, i) => {
    defines.fill(i, slotCount);
  });
  for (let shrank = true; shrank; ) {
    shrank = false;
    funcs.forEach((func, i) => {
      const before = new BitRows(func.blocks.length, slotCount);
      for (const block of func.blocks) if (block.index > 0) before.fill(block.index, slotCount);
      const after = new BitRows(1, slotCount);
      for (let changed = true; changed; ) {
        changed = false;
        for (const block of func.blocks) {
          after.copy(0, before, block.index);
          for (const slot of block.values.sets.keys()) after.add(0, slot);
          const callee = block.flow.k === "call" ? calleeOf(block) : -1;
          if (callee >= 0) after.union(0, defines, callee);
          for (const succ of block.succs) if (succ && before.intersect(succ.index, after, 0)) changed = true;
          if (block.flow.k === "ret" && defines.intersect(i, after, 0)) shrank = true;
        }
      }
    });
  }
}

/** Returns in registers what callers read most. */
function chooseResults(analyses: readonly Analysis[], summaries: Summaries): void {
  const counts = analyses.map(() => new Map<number, number>());
  for (const analysis of analyses) {
    for (const block of analysis.func.blocks) {
      const callee = summaries.calleeOf(block);
      const succ = block.succs[0];
      if (callee < 0 || succ === undefined) continue;
      const count = counts[callee]!;
      for (const slot of analysis.live.list(succ.index))
        if (summaries.changes.has(callee, slot)) count.set(slot, (count.get(slot) ?? 0) + 1);
    }
  }
  counts.forEach((count, i) => {
    const best = [...count].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, MAX_RESULTS);
    for (const [slot] of best) summaries.results[i]!.push(slot);
  });
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
  all: Analysed,
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
    depthLimit,
  };
  const exports = new Map<number, string>();
  const sizes = new Map<number, number>();
  const extent: (readonly [number, number])[] = [];
  let blocks = 0;
  let deepest = 0;
  const voidType = module.type([], []);
  all.funcs.forEach((func, i) => {
    const code = new Emitter(batch, all.analyses[i]!).run();
    if (signatures[i]!.recursive) deepest = Math.max(deepest, frameBytes(code.locals));
    module.body(signatures[i]!.func, code);
    const name = func.entry.toString(16);
    const door = module.func(voidType, `enter_${name}`);
    module.body(door, enter(func.entry, signatures[i]!, slots));
    module.exportFunc(name, door);
    exports.set(func.entry, name);
    sizes.set(func.entry, func.instructions);
    extent.push(...func.extent);
    blocks += func.blocks.length;
  });
  const fits = Math.max(1, Math.floor(RECURSION_BYTES / (deepest + 1)));
  if (fits < depthLimit) return emitModule(book, options, fits, inexact, all, instructions);
  return { bytes: module.build(options.names), exports, sizes, extent, blocks, instructions };
}

function signaturesOf(module: ModuleBuilder, slots: readonly Slot[], all: Analysed): Signature[] {
  const { funcs, summaries, analyses } = all;
  const callees = funcs.map((func) => func.blocks.map((block) => summaries.calleeOf(block)).filter((c) => c >= 0));
  const reach = reachable(callees);
  const loops = funcs.map((func) => func.blocks.some((block) => block.isHeader));
  const floats = funcs.map(
    (func) => findSticky(func) !== undefined || func.blocks.some((b) => b.values.steps.some((s) => s.k === "put")),
  );
  return funcs.map((func, i) => {
    const analysis = analyses[i]!;
    const takes = summaries.takes.list(i);
    const params = takes.map((slot) => paramType(analysis, slots[slot]!.w, slot, summaries.preserved.has(i, slot)));
    const results = summaries.results[i]!;
    const resultTypes = results.map((slot): ValueType => {
      if (slots[slot]!.w <= 32) return I32;
      return analysis.floats.has(0, slot) ? F64 : I64;
    });
    const recursive = reach.has(i, i);
    const below = [i, ...reach.list(i)];
    return {
      func: module.func(module.type(params, [I64, ...resultTypes]), `guest_${func.entry.toString(16)}`),
      takes,
      params,
      results,
      resultTypes,
      recursive,
      usesFuel: below.some((f) => loops[f]! || reach.has(f, f)),
      usesSticky: below.some((f) => floats[f]!),
    };
  });
}

/** Rows: functions that a function calls, directly or not. */
function reachable(callees: readonly (readonly number[])[]): BitRows {
  const reach = new BitRows(callees.length, callees.length);
  callees.forEach((list, i) => {
    for (const callee of list) reach.add(i, callee);
  });
  for (let grew = true; grew; ) {
    grew = false;
    callees.forEach((list, i) => {
      for (const callee of list) if (reach.union(i, reach, callee)) grew = true;
    });
  }
  return reach;
}

/** The dispatcher's way in: arguments from memory, results into it. */
function enter(entry: number, signature: Signature, slots: readonly Slot[]): Code {
  const code = new Code([]);
  // Where a trap of unchecked code happened is known no better.
  code.i32(0);
  code.i64(entry | 0, 0);
  code.mem(M.i64_store, ENGINE, CTL_PC);
  // What unwound to the dispatcher left its depth behind; here the wasm stack is empty.
  code.i32(0);
  code.i32(0);
  code.mem(M.i32_store, ENGINE, CTL_DEPTH);
  signature.takes.forEach((slot, i) => {
    const type = signature.params[i]!;
    code.i32(0);
    code.mem(type === I32 ? M.i32_load : type === F64 ? M.f64_load : M.i64_load, ENGINE, STATE + slots[slot]!.offset);
  });
  code.call(signature.func);
  const held = signature.resultTypes.map((type) => code.freshLocal(type));
  for (let i = held.length - 1; i >= 0; i--) code.set(held[i]!);
  const pc = code.freshLocal(I64);
  code.tee(pc);
  code.i64s(UNWOUND);
  code.op(W.i64_ne);
  code.if();
  code.i32(0);
  code.get(pc);
  code.mem(M.i64_store, ENGINE, CTL_PC);
  code.i32(0);
  code.i32(Exit.Dispatch);
  code.mem(M.i32_store, ENGINE, CTL_EXIT);
  signature.results.forEach((slot, i) => {
    const type = signature.resultTypes[i]!;
    code.i32(0);
    code.get(held[i]!);
    code.mem(
      type === I32 ? M.i32_store : type === F64 ? M.f64_store : M.i64_store,
      ENGINE,
      STATE + slots[slot]!.offset,
    );
  });
  code.end();
  return code;
}
