import type { Block } from "./func.ts";

/**
 * Makes a control flow graph reducible: a loop that is entered at several blocks gets one more block before them, which
 * sends control on by number, and every edge to one of the entries goes there first (as LLVM's WebAssembly back end
 * does). `makeDispatch` makes that block for the given entries, with them as its successors.
 */
export function makeReducible(entry: Block, blocks: readonly Block[], makeDispatch: (entries: Block[]) => Block): void {
  const work: { nodes: Set<Block>; header: Block }[] = [{ nodes: new Set(blocks), header: entry }];
  for (let region = work.pop(); region !== undefined; region = work.pop()) {
    const { nodes, header } = region;
    for (const loop of loopsOf(nodes, header)) {
      const inside = new Set(loop);
      const entries = new Set<Block>();
      for (const node of nodes)
        if (!inside.has(node)) for (const succ of node.succs) if (succ && inside.has(succ)) entries.add(succ);
      if (entries.size <= 1) {
        const only = [...entries][0];
        if (only !== undefined) work.push({ nodes: inside, header: only });
        continue;
      }
      const list = [...entries];
      const dispatch = makeDispatch(list);
      for (const node of nodes) {
        for (let way = 0; way < node.succs.length; way++) {
          const number = list.indexOf(node.succs[way]!);
          if (number < 0) continue;
          node.succs[way] = dispatch;
          node.routes[way] = number;
        }
      }
      nodes.add(dispatch);
      inside.add(dispatch);
      work.push({ nodes: inside, header: dispatch });
    }
  }
}

/** Strongly connected parts (Tarjan) of more than one block, or with an edge to itself; edges to `header` do not count. */
function loopsOf(nodes: ReadonlySet<Block>, header: Block): Block[][] {
  const order = new Map<Block, number>();
  const low = new Map<Block, number>();
  const onStack = new Set<Block>();
  const stack: Block[] = [];
  const out: Block[][] = [];
  const next = (block: Block, way: number): Block | undefined => {
    const succ = block.succs[way];
    return succ !== undefined && succ !== header && nodes.has(succ) ? succ : undefined;
  };
  const open = (block: Block): void => {
    order.set(block, order.size);
    low.set(block, order.size - 1);
    stack.push(block);
    onStack.add(block);
  };
  for (const root of nodes) {
    if (order.has(root)) continue;
    open(root);
    const path: { block: Block; way: number }[] = [{ block: root, way: 0 }];
    while (path.length > 0) {
      const top = path[path.length - 1]!;
      if (top.way < top.block.succs.length) {
        const succ = next(top.block, top.way++);
        if (succ === undefined) continue;
        if (!order.has(succ)) {
          open(succ);
          path.push({ block: succ, way: 0 });
        } else if (onStack.has(succ)) low.set(top.block, Math.min(low.get(top.block)!, order.get(succ)!));
        continue;
      }
      path.pop();
      const below = path[path.length - 1]?.block;
      if (below) low.set(below, Math.min(low.get(below)!, low.get(top.block)!));
      if (low.get(top.block) !== order.get(top.block)) continue;
      const part: Block[] = [];
      for (;;) {
        const block = stack.pop()!;
        onStack.delete(block);
        part.push(block);
        if (block === top.block) break;
      }
      if (part.length > 1 || part[0]!.succs.some((_, way) => next(part[0]!, way) === part[0])) out.push(part);
    }
  }
  return out;
}
