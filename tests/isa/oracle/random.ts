import { Random as Numbers } from "../../../src/agent/verifier/random.ts";

/** The verifier's numbers, unsigned. */
export class Random extends Numbers {
  u32(): number {
    return this.i32() >>> 0;
  }

  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }
}
