import { type OracleMachine, writeField } from "../../oracle/oracle.ts";
import type { Random } from "./random.ts";
import { value } from "./states.ts";
import { MEMORY } from "./trial.ts";

/** Fills record `i` of full records with a state in which most registers point into the data window, or near it. */
export function fillRecord(machine: OracleMachine, state: Uint8Array, i: number, random: Random): void {
  const values: bigint[] = [];
  const pointers = machine.data !== null && random.chance(70);
  for (const f of machine.fields) {
    if (!f.settable || f.role === "pc" || f.role === "system") continue;
    let v: bigint;
    if (f.bits <= 8) v = random.bits(f.bits);
    else if (pointers && machine.data && f.role === "integer" && random.chance(75))
      v = machine.data.address + BigInt(Math.floor(random.below(MEMORY) * machine.unitsPerByte));
    else v = value(random, f.bits, values, f.role !== "integer");
    if (f.kept !== undefined) v &= f.kept;
    values.push(v);
    writeField(state, i * machine.recordBytes, f.at, f.bits, v);
  }
}
