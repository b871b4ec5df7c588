import type { Binding } from "../../src/agent/verifier/bind.ts";
import type { Machine } from "../../src/engine/machine.ts";
import { STATE } from "../../src/memory/layout.ts";

/** One register: its bytes in a record, or its bits in one byte of it; its bytes in engine memory. */
interface Place {
  readonly slot: number;
  readonly name: string;
  /** Byte of the record, lowest bit there, width. */
  readonly byte: number;
  readonly shift: number;
  readonly bits: number;
  readonly at: number;
}

/** Carries registers between an oracle's full records and a machine. */
export class Bridge {
  private readonly places: readonly Place[];
  private readonly clean: Uint8Array;

  constructor(binding: Binding, machine: Machine) {
    const { slots, fields } = { slots: machine.slots, fields: binding.machine.fields };
    this.places = binding.slots.flatMap((bound, slot) => {
      if (!bound) return [];
      const field = fields[bound.field]!;
      // Bits that do not all stay are not compared here
      if (field.kept !== undefined && (field.bits > 8 || field.choices)) return [];
      const at = STATE + slots[slot]!.offset;
      return [{ slot, name: slots[slot]!.name, byte: field.at >> 3, shift: field.at & 7, bits: bound.bits, at }];
    });
    this.clean = new Uint8Array(machine.save().length);
  }

  /** All registers as a record has them; what it does not have is zero. */
  put(machine: Machine, record: Uint8Array): void {
    machine.restore(this.clean);
    const { bytes, i32 } = viewsOf(machine);
    for (const { byte, shift, bits, at } of this.places) {
      if (bits < 8) i32[at >> 2] = (record[byte]! >> shift) & ((1 << bits) - 1);
      else for (let k = 0; k < bits >> 3; k++) bytes[at + k] = record[byte + k]!;
    }
  }

  /** Registers that differ from a record's, with both values. */
  differs(machine: Machine, record: Uint8Array): string[] {
    const { bytes, i32 } = viewsOf(machine);
    const out: string[] = [];
    for (const { name, byte, shift, bits, at } of this.places) {
      let same = true;
      if (bits < 8) same = i32[at >> 2] === ((record[byte]! >> shift) & ((1 << bits) - 1));
      else for (let k = 0; k < bits >> 3; k++) same &&= bytes[at + k] === record[byte + k];
      if (same) continue;
      const digits = (from: Uint8Array, first: number): string =>
        [...from.subarray(first, first + (bits >> 3))]
          .reverse()
          .map((b) => b.toString(16).padStart(2, "0"))
          .join("");
      out.push(bits < 8 ? name : `${name}=${digits(bytes, at)} not ${digits(record, byte)}`);
    }
    return out;
  }
}

const views = new WeakMap<Machine, Uint8Array>();

function viewsOf(machine: Machine): { bytes: Uint8Array; i32: Int32Array } {
  const { i32 } = machine.state;
  let bytes = views.get(machine);
  if (!bytes) views.set(machine, (bytes = new Uint8Array(i32.buffer)));
  return { bytes, i32 };
}
