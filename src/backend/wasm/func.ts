import type { Node } from "../../ir/node.ts";
import type { CodeSource, Flow, RawBlock, Run } from "./discover.ts";
import { discover, pcOf } from "./discover.ts";
import { blockValues, type Surroundings, storedBy, type Values } from "./graph.ts";
import { jumpTable } from "./jumptable.ts";
import { makeReducible } from "./reducible.ts";

/** A node of a function's control flow graph. */
export interface Block {
  /** Position in `Func.blocks`: reverse postorder, the entry first. */
  index: number;
  readonly raw: RawBlock;
  readonly values: Values;
  readonly flow: Flow;
  /** Where control may go: guest pcs, in the flow's order (branch: taken, not taken). */
  readonly ways: readonly number[];
  /** Blocks of `ways`; undefined: outside, through the dispatcher. */
  succs: (Block | undefined)[];
  /** Where a way leads to a dispatch block: the number to hand it. */
  readonly routes: number[];
  preds: Block[];
  idom: Block | undefined;
  children: Block[];
  /** Some edge leads back here from a block that this one dominates. */
  isHeader: boolean;
  /** Forward edges that lead here. */
  forward: number;
  /** Callee known at translation, -1: none. */
  readonly callee: number;
  /** The callee is a guess: the code compares the target with it first. */
  readonly guarded: boolean;
}

/** A guest function: what is reachable from `entry` without entering calls. */
export interface Func {
  readonly entry: number;
  readonly blocks: Block[];
  /** Guest bytes it was made from, as pairs of first address and end. */
  readonly extent: readonly (readonly [number, number])[];
  readonly instructions: number;
}

export interface FuncOptions {
  readonly maxBlocks: number;
  readonly worth?: number | undefined;
  readonly around: Surroundings;
  readonly alone: Parameters<typeof discover>[2]["alone"];
  /** True where a call enters a function that is compiled along. */
  readonly resolves: (block: Block) => boolean;
}

/** null: nothing there. "large": more blocks than are `worth` it. */
export function buildFunc(source: CodeSource, entry: number, options: FuncOptions): Func | "large" | null {
  const raws = findBlocks(source, entry, options);
  if (raws === null) return "large";
  if (!raws.has(entry)) return null;
  const made = new Map<number, Block>();
  const extent: [number, number][] = [];
  for (const raw of raws.values()) {
    made.set(raw.pc, makeBlock(raw, blockValues(raw, options.around), source));
    extent.push([raw.pc, raw.next]);
  }
  for (const block of made.values())
    block.succs = block.ways.map((pc) => (block.values.setsAssumed ? undefined : made.get(pc)));
  const first = made.get(entry)!;
  // A region that can do nothing at all would only stand in the first tier's way.
  if (first.values.giveUp === entry) return null;
  if (!options.around.checked) leaveEarly(first, options.around, source);
  for (const block of made.values()) if (!options.resolves(block)) cutReturn(block);
  return funcOf(entry, order(first), extent);
}

/** Instructions of a return worth another copy. */
const MOST_AGAIN = 32;

/**
 * A function that returns at once under some condition has stored registers before that only to load them again: there
 * the return gets a copy of its own, which knows what was stored.
 */
function leaveEarly(first: Block, around: Surroundings, source: CodeSource): void {
  if (first.flow.k !== "branch") return;
  const stored = storedBy(first.values);
  if (stored.length === 0) return;
  first.succs.forEach((succ, way) => {
    if (succ === undefined || succ.flow.k !== "ret" || succ.raw.insts.length > MOST_AGAIN) return;
    first.succs[way] = makeBlock(succ.raw, blockValues(succ.raw, around, stored), source);
  });
}

function funcOf(entry: number, blocks: Block[], extent: Func["extent"]): Func {
  let instructions = 0;
  for (const block of blocks) instructions += block.raw.insts.length;
  return { entry, blocks, extent, instructions };
}

/** Nothing comes back to the function after this call: what follows it is entered through the dispatcher. */
const cutReturn = (block: Block): void => {
  if (block.flow.k === "call") block.succs = [undefined];
};

/** The function without what only calls that turned out to leave it lead to. */
export function cutCalls(func: Func, resolves: (block: Block) => boolean): Func {
  let cut = false;
  for (const block of func.blocks) {
    if (block.flow.k !== "call" || block.succs[0] === undefined || resolves(block)) continue;
    cutReturn(block);
    cut = true;
  }
  if (!cut) return func;
  for (const block of func.blocks)
    Object.assign(block, { preds: [], children: [], idom: undefined, isHeader: false, forward: 0 });
  return funcOf(func.entry, order(func.blocks[0]!), func.extent);
}

/** Rounds of looking for targets of jumps behind tables that the last round's code made known. */
const ROUNDS = 4;

function findBlocks(source: CodeSource, entry: number, options: FuncOptions): Map<number, RawBlock> | null {
  const { around } = options;
  /** What the function sets a slot to, where that is one constant. */
  const constants = new Map<number, number>();
  const guess = (node: Node): number | undefined => {
    if (node.op === "const") return node.lo >>> 0;
    if (node.op !== "get" || node.w !== 64) return undefined;
    const known = constants.get(node.aux) ?? -1;
    return known >= 0 ? known : source.guess?.(node.aux);
  };
  let jumps = 0;
  let unresolved = 0;
  const discovering = {
    maxBlocks: options.maxBlocks,
    worth: options.worth,
    alone: options.alone,
    jumpTargets: (run: Run, before: Run | undefined): readonly number[] => {
      const valuesOf = ({ pc, insts, flow }: Run): Values =>
        blockValues({ pc, insts, flow, next: 0, targets: [] }, around);
      const values = valuesOf(run);
      if (values.control === undefined) return [];
      const to = pcOf(values.control);
      if (to >= 0) return [to];
      const last = run.insts[run.insts.length - 1]!;
      const targets = new Set(jumpTable(source, values.control, last.pc, guess, before && valuesOf(before).control));
      for (const seen of source.targets?.(last.pc) ?? []) targets.add(seen);
      jumps++;
      if (targets.size === 0) unresolved++;
      return [...targets];
    },
  };
  let raws: Map<number, RawBlock> | null = discover(source, entry, discovering);
  for (let round = 0; raws !== null && unresolved > 0 && round < ROUNDS; round++) {
    const before = unresolved + jumps * 1000;
    constants.clear();
    for (const raw of raws.values()) {
      for (const [slot, value] of blockValues(raw, around).sets) {
        const to = pcOf(value);
        const known = constants.get(slot);
        constants.set(slot, known === undefined || known === to ? to : -1);
      }
    }
    jumps = 0;
    unresolved = 0;
    raws = discover(source, entry, discovering);
    if (unresolved + jumps * 1000 === before) break;
  }
  return raws;
}

/** Where an indirect call is likely to go: where its register leads right now. -1: no idea. */
function guessCallee(control: Node, source: CodeSource): number {
  const of = control.op === "and" ? control.args[0]! : control;
  const to = of.op === "get" && of.w === 64 ? source.guess?.(of.aux) : undefined;
  return to !== undefined && (to & 1) === 0 && source.inst(to) !== null ? to : -1;
}

function makeBlock(raw: RawBlock, values: Values, source: CodeSource): Block {
  let flow = values.flow;
  let ways: number[] = [];
  let callee = -1;
  let guarded = false;
  const control = values.control;
  if (flow.k === "next") ways = [raw.next];
  else if (flow.k === "goto") ways = [flow.to];
  else if (flow.k === "branch") {
    if (control!.op === "const") {
      const taken = (control!.lo !== 0) !== flow.negated;
      const to = taken ? flow.to : raw.next;
      flow = { k: "goto", to };
      ways = [to];
    } else ways = flow.to === raw.next ? [flow.to] : [flow.to, raw.next];
    if (ways.length === 1) flow = { k: "goto", to: ways[0]! };
  } else if (flow.k === "call") {
    callee = pcOf(control!);
    if (callee < 0) {
      callee = guessCallee(control!, source);
      guarded = callee >= 0;
    }
    ways = [raw.next];
  } else if (flow.k === "jump") {
    const to = pcOf(control!);
    if (to >= 0) {
      flow = { k: "goto", to };
      ways = [to];
    } else ways = [...raw.targets];
  }
  return blockOf(raw, values, flow, ways, callee, guarded);
}

function blockOf(
  raw: RawBlock,
  values: Values,
  flow: Flow,
  ways: readonly number[],
  callee: number,
  guarded = false,
): Block {
  return {
    index: -1,
    raw,
    values,
    flow,
    ways,
    succs: [],
    routes: [],
    preds: [],
    idom: undefined,
    children: [],
    isHeader: false,
    forward: 0,
    callee,
    guarded,
  };
}

/** A block that sends control on to one of `entries` by number. */
function dispatchTo(entries: Block[]): Block {
  const flow: Flow = { k: "dispatch" };
  const pc = entries[0]!.raw.pc;
  const raw: RawBlock = { pc, insts: [], flow, next: pc, targets: [] };
  const values: Values = {
    steps: [],
    sets: new Map(),
    control: undefined,
    flow,
    giveUp: -1,
    leavesInside: false,
    usesAssumed: false,
    setsAssumed: false,
  };
  const block = blockOf(
    raw,
    values,
    flow,
    entries.map((entry) => entry.raw.pc),
    -1,
  );
  block.succs = entries.slice();
  return block;
}

/** Makes the graph reducible, orders blocks, finds dominators and loops. */
function order(entry: Block): Block[] {
  makeReducible(entry, postorder(entry), dispatchTo);
  const blocks = postorder(entry).reverse();
  blocks.forEach((block, i) => {
    block.index = i;
  });
  for (const block of blocks)
    for (const succ of block.succs) if (succ && !succ.preds.includes(block)) succ.preds.push(block);
  dominators(blocks);
  for (const block of blocks) {
    for (const to of block.succs) {
      if (to && to.index <= block.index && !dominates(to, block)) throw new Error("irreducible control flow was left");
    }
  }
  finish(blocks);
  return blocks;
}

function postorder(entry: Block): Block[] {
  const out: Block[] = [];
  const seen = new Set<Block>([entry]);
  const stack: { block: Block; next: number }[] = [{ block: entry, next: 0 }];
  while (stack.length > 0) {
    const top = stack[stack.length - 1]!;
    // The last way first, so that the first way comes right after the block in reverse postorder.
    const at = top.block.succs.length - 1 - top.next++;
    if (at < 0) {
      out.push(top.block);
      stack.pop();
      continue;
    }
    const succ = top.block.succs[at];
    if (succ === undefined || seen.has(succ)) continue;
    seen.add(succ);
    stack.push({ block: succ, next: 0 });
  }
  return out;
}

/** Cooper, Harvey, Kennedy: A Simple, Fast Dominance Algorithm. */
function dominators(blocks: readonly Block[]): void {
  const entry = blocks[0]!;
  entry.idom = entry;
  for (let changed = true; changed; ) {
    changed = false;
    for (let i = 1; i < blocks.length; i++) {
      const block = blocks[i]!;
      let idom: Block | undefined;
      for (const pred of block.preds) {
        if (pred.idom === undefined) continue;
        if (idom === undefined) {
          idom = pred;
          continue;
        }
        let a: Block = idom;
        let b: Block = pred;
        while (a !== b) {
          while (a.index > b.index) a = a.idom!;
          while (b.index > a.index) b = b.idom!;
        }
        idom = a;
      }
      if (block.idom !== idom) {
        block.idom = idom;
        changed = true;
      }
    }
  }
}

function dominates(a: Block, b: Block): boolean {
  let at = b;
  while (at.index > a.index) at = at.idom!;
  return at === a;
}

function finish(blocks: readonly Block[]): void {
  for (let i = 1; i < blocks.length; i++) blocks[i]!.idom!.children.push(blocks[i]!);
  for (const block of blocks) {
    for (const succ of block.succs) {
      if (succ === undefined) continue;
      if (succ.index <= block.index) succ.isHeader = true;
      else succ.forward++;
    }
  }
}
