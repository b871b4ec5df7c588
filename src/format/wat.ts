import { LebReader } from "../bytes/leb.ts";
import { sageError } from "../errors.ts";
import { codeLines, typeName } from "./wat-code.ts";

/**
 * A WebAssembly module in the text format, flat instructions, indices as comments: what `sage ir --emit wat` prints.
 * It knows what our compiler emits (sections 1 to 7, 9, 10). Throws FORMAT_UNSUPPORTED for the rest.
 */
export function watText(bytes: Uint8Array): string {
  const short = () => sageError("FORMAT_UNSUPPORTED", "the wasm module is cut off");
  const reader = new LebReader(bytes, short, 8);
  const printer = new Printer();
  while (!reader.done) {
    const id = reader.u8();
    printer.section(id, reader.part(reader.u32()));
  }
  return printer.text();
}

const FUNC = 0;
const TABLE = 1;
const MEMORY = 2;
const kinds = ["func", "table", "memory", "global"] as const;

class Printer {
  private readonly lines: string[] = [];
  /** Things counted so far, by kind: index spaces begin with imports. */
  private readonly count = [0, 0, 0, 0];
  private readonly funcTypes: number[] = [];
  private readonly exports: string[] = [];

  text(): string {
    return `(module\n${[...this.lines, ...this.exports].map((line) => `  ${line}\n`).join("")})\n`;
  }

  section(id: number, reader: LebReader): void {
    if (id === 1) reader.list((index) => this.put(`(type (;${index};) ${signature(reader)})`));
    else if (id === 2) reader.list(() => this.importLine(reader));
    else if (id === 3) this.funcTypes.push(...reader.list(() => reader.u32()));
    else if (id === 4) reader.list(() => this.put(this.declared(TABLE, tableType(reader))));
    else if (id === 5) reader.list(() => this.put(this.declared(MEMORY, limits(reader))));
    else if (id === 6) reader.list(() => this.put(this.declared(3, globalType(reader), ` (${initial(reader)})`)));
    else if (id === 7) reader.list(() => this.exports.push(exportText(reader)));
    else if (id === 9) reader.list(() => this.put(element(reader)));
    else if (id === 10) reader.list((index) => this.body(reader.part(reader.u32()), this.funcTypes[index]!));
    else if (id !== 0) throw sageError("FORMAT_UNSUPPORTED", `wasm section ${id}`);
  }

  private put(line: string): void {
    this.lines.push(line);
  }

  private declared(kind: number, type: string, more = ""): string {
    return `(${kinds[kind]} (;${this.count[kind]!++};) ${type}${more})`;
  }

  private importLine(reader: LebReader): void {
    const from = `${JSON.stringify(reader.name())} ${JSON.stringify(reader.name())}`;
    const kind = reader.u8();
    const type = [() => `(type ${reader.u32()})`, tableType, limits, globalType][kind];
    if (!type) throw sageError("FORMAT_UNSUPPORTED", `wasm import of kind ${kind}`);
    this.put(`(import ${from} ${this.declared(kind, type(reader))})`);
  }

  private body(reader: LebReader, type: number): void {
    const locals = reader.list(() => {
      const count = reader.u32();
      return ` ${typeName(reader.u8())}`.repeat(Math.min(count, 50_000));
    });
    this.put(`(func (;${this.count[FUNC]!++};) (type ${type})`);
    if (locals.length) this.put(`  (local${locals.join("")})`);
    this.lines.push(...codeLines(reader, "  "));
    this.lines[this.lines.length - 1] += ")";
  }
}

function signature(reader: LebReader): string {
  const form = reader.u8();
  if (form !== 0x60) throw sageError("FORMAT_UNSUPPORTED", `wasm type of form 0x${form.toString(16)}`);
  const group = (word: string) => {
    const names = reader.list(() => typeName(reader.u8()));
    return names.length ? ` (${word} ${names.join(" ")})` : "";
  };
  return `(func${group("param")}${group("result")})`;
}

function tableType(reader: LebReader): string {
  const type = typeName(reader.u8());
  return `${limits(reader)} ${type}`;
}

function limits(reader: LebReader): string {
  const flags = reader.u8();
  const least = reader.u32();
  return flags & 1 ? `${least} ${reader.u32()}` : String(least);
}

function globalType(reader: LebReader): string {
  const type = typeName(reader.u8());
  return reader.u8() ? `(mut ${type})` : type;
}

/** A constant expression: one instruction and its end. */
function initial(reader: LebReader): string {
  const op = reader.u8();
  const value = reader.signed();
  reader.u8();
  return `${op === 0x42 ? "i64" : "i32"}.const ${value}`;
}

function exportText(reader: LebReader): string {
  const name = JSON.stringify(reader.name());
  return `(export ${name} (${kinds[reader.u8()]} ${reader.u32()}))`;
}

function element(reader: LebReader): string {
  const form = reader.u32();
  const table = form === 2 ? reader.u32() : 0;
  const offset = initial(reader);
  if (form === 2) reader.u8();
  return `(elem (table ${table}) (${offset}) func ${reader.list(() => reader.u32()).join(" ")})`;
}
