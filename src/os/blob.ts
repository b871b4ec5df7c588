import { AbiBook, type ErrorRow, type FrameRow, type Machine, type SignalRow } from "./abi.ts";
import { CallRow, type RowText } from "./row.ts";

/** A parsed OS rulebook as JSON: a start need not read the text again. */
interface AbiBlob {
  readonly file: string;
  readonly os: string;
  readonly release: string;
  readonly version: string;
  readonly cpuinfo: readonly (readonly [string, string])[];
  readonly machines: readonly (Omit<Machine, "trampoline"> & { readonly trampoline: readonly number[] })[];
  readonly errors: readonly ErrorRow[];
  readonly signals: readonly SignalRow[];
  readonly faults: readonly [string, { readonly signal: number; readonly code: number }][];
  readonly sets: readonly [string, "flags" | "enum", readonly (readonly [string, number])[]][];
  readonly constants: readonly [string, number][];
  readonly frames: readonly [string, FrameRow][];
  /** Each row once; tables name rows by their place here. */
  readonly rows: readonly (RowText & { readonly operations?: readonly RowText[] })[];
  readonly tables: readonly [string, readonly (readonly [number, number])[]][];
  readonly structs: readonly [string, string, number][];
}

/** What `openAbi` opens. */
export function abiBlob(book: AbiBook): string {
  const rows = [...new Set([...book.calls.values()].flatMap((table) => [...table.values()]))];
  const places = new Map(rows.map((row, i) => [row, i]));
  const blob: AbiBlob = {
    ...{ file: book.file, os: book.os, release: book.release, version: book.version },
    cpuinfo: [...book.cpuinfo],
    machines: [...book.machines.values()].map((row) => ({ ...row, trampoline: [...row.trampoline] })),
    errors: [...book.errors.values()],
    signals: [...book.signals.values()],
    faults: [...book.faults],
    sets: [...book.sets.values()].map(({ name, kind, pairs }) => [name, kind, pairs]),
    constants: [...book.constants],
    frames: [...book.frames],
    rows: rows.map((row) => {
      const operations = [...row.operations.values()].map(textOf);
      return operations.length ? { ...textOf(row), operations } : textOf(row);
    }),
    tables: [...book.calls].map(([name, table]) => [name, [...table].map(([n, row]) => [n, places.get(row)!])]),
    structs: [...book.structTexts()].map(([name, { spec, line }]) => [name, spec, line]),
  };
  return JSON.stringify(blob);
}

function textOf({ number, name, handler, status, note, by, line, spec }: CallRow): RowText {
  const text = { number, name, handler, status, note, line, spec };
  return by ? { ...text, by } : text;
}

/** The book that `abiBlob` was made from. */
export function openAbi(json: string): AbiBook {
  const blob = JSON.parse(json) as AbiBlob;
  const book = new AbiBook(blob.file);
  book.os = blob.os;
  book.release = blob.release;
  book.version = blob.version;
  for (const [isa, text] of blob.cpuinfo) book.cpuinfo.set(isa, text);
  for (const row of blob.machines) book.machines.set(row.isa, { ...row, trampoline: Uint8Array.from(row.trampoline) });
  for (const row of blob.errors) book.addError(row);
  for (const row of blob.signals) book.addSignal(row);
  for (const [name, fault] of blob.faults) book.faults.set(name, fault);
  for (const [name, kind, pairs] of blob.sets) book.addSet(name, kind, pairs);
  for (const [name, value] of blob.constants) book.constants.set(name, value);
  for (const [name, frame] of blob.frames) book.frames.set(name, frame);
  const rows = blob.rows.map((text) => {
    const row = new CallRow(text, book);
    for (const operation of text.operations ?? []) row.operations.set(operation.number, new CallRow(operation, book));
    return row;
  });
  for (const [name, entries] of blob.tables) {
    const table = new Map<number, CallRow>();
    for (const [number, place] of entries) table.set(number, rows[place]!);
    book.calls.set(name, table);
  }
  for (const [name, spec, line] of blob.structs) book.declare(name, spec, line);
  return book;
}
