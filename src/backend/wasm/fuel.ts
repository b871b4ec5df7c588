import type { Block, Func } from "./func.ts";

/**
 * Ways back to a loop's begin that spend fuel, as `wayBack` numbers them: the others come only from where the loop has
 * made a call that spends some itself (`pays`).
 */
export function spendingWays(func: Func, pays: (block: Block) => boolean): ReadonlySet<number> {
  const ways = new Set<number>();
  for (const from of func.blocks)
    for (const head of from.succs)
      if (head !== undefined && head.index <= from.index && !pays(from) && unpaid(from, head, pays))
        ways.add(wayBack(func, from, head));
  return ways;
}

export const wayBack = (func: Func, from: Block, head: Block): number => from.index * func.blocks.length + head.index;

/** Whether some way leads from a loop's head to the end of `from` without a block that pays. */
function unpaid(from: Block, head: Block, pays: (block: Block) => boolean): boolean {
  const seen = new Set<Block>([from]);
  for (const block of seen) {
    if (block === head) return true;
    for (const pred of block.preds) if (!pays(pred)) seen.add(pred);
  }
  return false;
}
