import type { Row } from "../../../src/rules/book.ts";
import type { Random } from "../oracle/random.ts";
import type { Steer } from "./cases.ts";
import * as R from "./record.ts";

/** Bytes of what XSAVE writes: the legacy area, its header, upper halves. */
const HEADER = 512;

/** States in which rows of the vector chapters do more than fault. */
export function vectorSteer(row: Row): Steer {
  if (row.name.includes("gather")) return smallIndexes;
  if (row.name.startsWith("xsave") || row.name.startsWith("xrstor")) return stateArea;
  return () => {};
}

/** ymm10 is every case's index: small numbers of either width. */
function smallIndexes(record: BigUint64Array, random: Random): void {
  const wide = random.chance(50);
  const index = (): bigint => BigInt.asUintN(wide ? 64 : 32, BigInt(random.below(24) - 4));
  for (const at of [R.XMM / 8 + 20, R.XMM / 8 + 21, R.HIGH + 20, R.HIGH + 21])
    record[at] = wide ? index() : index() | (index() << 32n);
}

/** Asks for components that there are, of an area with a header that fits. */
function stateArea(record: BigUint64Array, random: Random): void {
  record[R.G] = BigInt(random.below(8));
  record[R.G + 2] = 0n;
  for (const base of [3, 6, 7]) record[R.G + base] = BigInt(R.WINDOW_AT);
  if (random.chance(90)) record[R.G + 10] = 0n;
  const header = R.MEMORY + HEADER / 8;
  record.fill(0n, header, header + 8);
  record[header] = BigInt(random.below(8));
  if (random.chance(40)) record[header + 1] = (1n << 63n) | 7n;
  record[R.MEMORY + 3] = BigInt(random.below(0x10000));
  record[R.MEMORY] = 0x37fn | (BigInt(random.below(8)) << 27n);
}
