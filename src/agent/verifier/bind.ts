import type { OracleMachine } from "../../oracle/oracle.ts";
import type { IsaBook } from "../../rules/book.ts";

/** Which field of an oracle shows a slot of a rulebook. */
export interface Bound {
  /** Number into `machine.fields`. */
  readonly field: number;
  /** Low bits that both have. */
  readonly bits: number;
}

export interface Binding {
  readonly book: IsaBook;
  readonly machine: OracleMachine;
  /** By slot; undefined: the oracle does not show it. */
  readonly slots: readonly (Bound | undefined)[];
  readonly pc: number;
}

/** Finds each slot's field by name: state names ("X[5]", "CF") or assembly names ("a0"), flags with or without an f. */
export function bind(book: IsaBook, machine: OracleMachine): Binding {
  const slots: (Bound | undefined)[] = book.slots.map(() => undefined);
  machine.fields.forEach((field, number) => {
    if (field.role === "pc") return;
    for (const name of spellings(field.name)) {
      const slot = book.slot(name);
      if (slot === undefined || slots[slot] !== undefined) continue;
      slots[slot] = { field: number, bits: Math.min(field.bits, book.slots[slot]!.w) };
      break;
    }
  });
  // A stub whose sizes are in bytes does not show that its addresses name words: the book says so
  const words = book.unitBytes > 1 && machine.unitsPerByte === 1;
  return {
    book,
    machine: words ? { ...machine, unitsPerByte: 1 / book.unitBytes } : machine,
    slots,
    pc: machine.fields.findIndex((f) => f.role === "pc"),
  };
}

function spellings(name: string): string[] {
  const out = [name, name.toLowerCase(), name.toUpperCase()];
  if (name.length === 1) out.push(`${name.toLowerCase()}f`);
  const numbered = /^([a-zA-Z]+)(\d+)$/.exec(name);
  if (numbered) {
    const [, letters, number] = numbered;
    out.push(`${letters!.toUpperCase()}[${number}]`, `${letters}[${number}]`);
    // Wider and narrower names of one vector register
    if (/^[xyz]mm$/.test(letters!)) out.push(`V[${number}]`);
  }
  return out;
}
