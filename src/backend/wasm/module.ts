import { Bytes } from "./bytes.ts";
import { type Code, FUNCREF, type ValueType } from "./code.ts";

interface Import {
  readonly module: string;
  readonly name: string;
  readonly kind: number;
  readonly body: Bytes;
}
const FUNC = 0;
const TABLE = 1;
const MEMORY = 2;
const GLOBAL = 3;

/** Puts a wasm module together: declare imports before functions, then add bodies in the functions' order. */
export class ModuleBuilder {
  private readonly types: Bytes[] = [];
  private readonly typeIndex = new Map<string, number>();
  private readonly imports: Import[] = [];
  private readonly funcTypes: number[] = [];
  private readonly bodies: (Code | undefined)[] = [];
  private readonly names: string[] = [];
  private readonly exports: { name: string; kind: number; index: number }[] = [];
  private readonly elements: { table: number; offset: number; funcs: readonly number[] }[] = [];
  private readonly tables: { initial: number; maximum: number }[] = [];
  private readonly globals: { type: ValueType; mutable: boolean }[] = [];
  private importedFuncs = 0;
  private importedTables = 0;
  private importedGlobals = 0;

  /** Index of a function type. */
  type(params: readonly ValueType[], results: readonly ValueType[]): number {
    const key = `${params.join()}>${results.join()}`;
    const known = this.typeIndex.get(key);
    if (known !== undefined) return known;
    const body = new Bytes(params.length + results.length + 4);
    body.u8(0x60);
    body.u32(params.length);
    for (const type of params) body.u8(type);
    body.u32(results.length);
    for (const type of results) body.u8(type);
    this.typeIndex.set(key, this.types.length);
    return this.types.push(body) - 1;
  }

  importFunc(module: string, name: string, type: number): number {
    const body = new Bytes(4);
    body.u32(type);
    this.imports.push({ module, name, kind: FUNC, body });
    this.names.push(name);
    return this.importedFuncs++;
  }
  /** Sizes in 64 KiB pages. */
  importMemory(module: string, name: string, initial: number, maximum?: number): void {
    this.imports.push({ module, name, kind: MEMORY, body: limits(initial, maximum) });
  }
  importTable(module: string, name: string, initial: number): number {
    const body = new Bytes(8);
    body.u8(FUNCREF);
    body.append(limits(initial, undefined));
    this.imports.push({ module, name, kind: TABLE, body });
    return this.importedTables++;
  }
  importGlobal(module: string, name: string, type: ValueType, mutable: boolean): number {
    const body = new Bytes(2);
    body.u8(type);
    body.u8(mutable ? 1 : 0);
    this.imports.push({ module, name, kind: GLOBAL, body });
    return this.importedGlobals++;
  }

  /** Declares a function; its body may come later. Returns its index. */
  func(type: number, name = ""): number {
    this.funcTypes.push(type);
    this.bodies.push(undefined);
    this.names.push(name);
    return this.importedFuncs + this.funcTypes.length - 1;
  }
  body(func: number, code: Code): void {
    this.bodies[func - this.importedFuncs] = code;
  }
  /** A table of the module's own. */
  table(initial: number, maximum: number): number {
    this.tables.push({ initial, maximum });
    return this.importedTables + this.tables.length - 1;
  }
  /** A zero-initialised global (integer types). */
  global(type: ValueType, mutable: boolean): number {
    this.globals.push({ type, mutable });
    return this.importedGlobals + this.globals.length - 1;
  }
  exportFunc(name: string, func: number): void {
    this.exports.push({ name, kind: FUNC, index: func });
  }
  exportTable(name: string, table: number): void {
    this.exports.push({ name, kind: TABLE, index: table });
  }
  /** Places functions into a table when the module is instantiated. */
  element(table: number, offset: number, funcs: readonly number[]): void {
    this.elements.push({ table, offset, funcs });
  }

  /** The module's bytes. `names`: with a name section, for profilers. */
  build(names = false): Uint8Array<ArrayBuffer> {
    const out = new Bytes(4096);
    for (const byte of [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) out.u8(byte);
    section(out, 1, this.types, (s, type) => s.append(type));
    section(out, 2, this.imports, (s, entry) => {
      s.name(entry.module);
      s.name(entry.name);
      s.u8(entry.kind);
      s.append(entry.body);
    });
    section(out, 3, this.funcTypes, (s, type) => s.u32(type));
    section(out, 4, this.tables, (s, table) => {
      s.u8(FUNCREF);
      s.append(limits(table.initial, table.maximum));
    });
    section(out, 6, this.globals, (s, global) => {
      s.u8(global.type);
      s.u8(global.mutable ? 1 : 0);
      s.u8(global.type === 0x7e ? 0x42 : 0x41);
      s.u8(0);
      s.u8(0x0b);
    });
    section(out, 7, this.exports, (s, entry) => {
      s.name(entry.name);
      s.u8(entry.kind);
      s.u32(entry.index);
    });
    section(out, 9, this.elements, (s, entry) => {
      s.u32(entry.table === 0 ? 0 : 2);
      if (entry.table !== 0) s.u32(entry.table);
      s.u8(0x41);
      s.s32(entry.offset);
      s.u8(0x0b);
      if (entry.table !== 0) s.u8(0);
      s.u32(entry.funcs.length);
      for (const func of entry.funcs) s.u32(func);
    });
    const bodies = new Bytes(4096);
    for (const body of this.bodies) {
      if (!body) throw new Error("wasm function without a body");
      body.write(bodies);
    }
    this.writeHints(out);
    if (this.bodies.length > 0) {
      const count = new Bytes(8);
      count.u32(this.bodies.length);
      out.u8(10);
      out.u32(count.length + bodies.length);
      out.append(count);
      out.append(bodies);
    }
    if (names) this.writeNames(out);
    return out.take();
  }

  /** Branch hinting (WebAssembly/branch-hinting): a custom section before the code. */
  private writeHints(out: Bytes): void {
    const hinted = this.bodies.flatMap((body, i) => (body && body.hints.length > 0 ? [{ body, i }] : []));
    if (hinted.length === 0) return;
    const hints = new Bytes(1024);
    hints.name("metadata.code.branch_hint");
    hints.u32(hinted.length);
    for (const { body, i } of hinted) {
      hints.u32(this.importedFuncs + i);
      hints.u32(body.hints.length);
      for (const { at, taken } of body.hints) {
        hints.u32(body.headLength + at);
        hints.u8(1);
        hints.u8(taken);
      }
    }
    out.u8(0);
    out.u32(hints.length);
    out.append(hints);
  }

  private writeNames(out: Bytes): void {
    const map = new Bytes(256);
    map.u32(this.names.length);
    this.names.forEach((name, index) => {
      map.u32(index);
      map.name(name || `f${index}`);
    });
    const body = new Bytes(map.length + 16);
    body.name("name");
    body.u8(1);
    body.u32(map.length);
    body.append(map);
    out.u8(0);
    out.u32(body.length);
    out.append(body);
  }
}

function limits(initial: number, maximum: number | undefined): Bytes {
  const out = new Bytes(12);
  out.u8(maximum === undefined ? 0 : 1);
  out.u32(initial);
  if (maximum !== undefined) out.u32(maximum);
  return out;
}

function section<T>(out: Bytes, id: number, items: readonly T[], write: (into: Bytes, item: T) => void): void {
  if (items.length === 0) return;
  const body = new Bytes(1024);
  body.u32(items.length);
  for (const item of items) write(body, item);
  out.u8(id);
  out.u32(body.length);
  out.append(body);
}
