/*
 * A graph of objects as text and bytes, and back. Objects of known classes are written field by field, each once;
 * what is outside of the graph, or is not made of fields, is the hooks' business.
 */

export type Json = null | boolean | number | string | readonly Json[];

/** Something that cannot be written. */
export class Unsavable extends Error {}
/** What was read is no graph that could have been written. */
export class BadGraph extends Error {}

export type Constructor = abstract new (...args: never[]) => object;

/** Numbers of typed arrays' kinds; their bytes are little-endian. */
const ARRAYS = [Uint8Array, Int32Array, Uint32Array] as const;
type Bytes = InstanceType<(typeof ARRAYS)[number]>;

/** The text: nodes, each a kind and what is in it, and the bytes that they refer to. */
export interface Written {
  readonly root: Json;
  readonly nodes: readonly Json[];
  readonly bytes: readonly Uint8Array[];
}

/** What a writer does not know how to write. */
export interface WriteHooks {
  /** A node of the hooks' own kind; null: write it field by field. */
  node(object: object, writer: GraphWriter): readonly Json[] | null;
  /** A field that is written otherwise; undefined: as it is. */
  field(owner: object, name: string, value: unknown, writer: GraphWriter): Json | undefined;
}

export class GraphWriter {
  private readonly names: ReadonlyMap<unknown, string>;
  private readonly hooks: WriteHooks;
  private readonly ids = new Map<object, number>();
  private readonly todo: object[] = [];
  private readonly nodes: Json[] = [];
  private readonly parts: Uint8Array[] = [];
  private size = 0;

  constructor(classes: Readonly<Record<string, Constructor>>, hooks: WriteHooks) {
    this.names = new Map(Object.entries(classes).map(([name, made]) => [made, name]));
    this.hooks = hooks;
  }

  /** Throws Unsavable. */
  write(root: object): Written {
    const ref = this.value(root);
    for (let at = 0; at < this.todo.length; at++) this.nodes.push(this.node(this.todo[at]!));
    return { root: ref, nodes: this.nodes, bytes: this.parts };
  }

  value(value: unknown): Json {
    switch (typeof value) {
      case "undefined":
        return ["u"];
      case "boolean":
      case "string":
        return value;
      case "number":
        return Number.isFinite(value) && !Object.is(value, -0)
          ? value
          : ["n", Object.is(value, -0) ? "-0" : String(value)];
      case "bigint":
        return ["b", String(value)];
      case "object":
        return value === null ? null : ["r", this.ref(value)];
      default:
        throw new Unsavable(`a ${typeof value}`);
    }
  }
  /** Bytes apart from the text: where they begin, how many. */
  blob(bytes: Uint8Array): Json {
    const at = this.size;
    this.parts.push(bytes);
    this.size += bytes.length;
    return [at, bytes.length];
  }

  private ref(object: object): number {
    let id = this.ids.get(object);
    if (id === undefined) {
      id = this.todo.push(object) - 1;
      this.ids.set(object, id);
    }
    return id;
  }

  private node(object: object): Json {
    const own = this.hooks.node(object, this);
    if (own) return own;
    if (Array.isArray(object)) return ["a", ...object.map((value) => this.value(value))];
    if (object instanceof Map) return ["m", ...[...object].flat().map((value) => this.value(value))];
    if (object instanceof Set) return ["s", ...[...object].map((value) => this.value(value))];
    const kind = ARRAYS.findIndex((made) => object instanceof made);
    if (kind >= 0) {
      const { buffer, byteOffset, byteLength } = object as Bytes;
      return ["t", kind, this.blob(new Uint8Array(buffer, byteOffset, byteLength).slice())];
    }
    const prototype: unknown = Object.getPrototypeOf(object);
    if (prototype === Object.prototype || prototype === null) return ["o", ...this.fields(object)];
    const name = this.names.get(object.constructor);
    if (name === undefined) throw new Unsavable(`a ${object.constructor.name}`);
    return ["c", name, ...this.fields(object)];
  }
  private fields(object: object): Json[] {
    const out: Json[] = [];
    for (const [name, value] of Object.entries(object)) {
      const own = this.hooks.field(object, name, value, this);
      try {
        out.push(name, own === undefined ? this.value(value) : own);
      } catch (error) {
        if (!(error instanceof Unsavable)) throw error;
        throw new Unsavable(`${object.constructor.name}.${name}: ${error.message}`);
      }
    }
    return out;
  }
}

export interface ReadHooks {
  /** The object of a node of the hooks' own kind, made before any field is filled in. `undefined`: no such kind. */
  make(node: readonly Json[], reader: GraphReader): object | undefined;
  /** A value of the hooks' own kind for a field; `undefined`: no such kind. */
  value(value: readonly Json[], reader: GraphReader): { readonly value: unknown } | undefined;
}

export class GraphReader {
  private readonly classes: Readonly<Record<string, Constructor>>;
  private readonly hooks: ReadHooks;
  private readonly nodes: readonly Json[];
  private readonly bytes: Uint8Array;
  private readonly made: (object | undefined)[] = [];

  constructor(
    classes: Readonly<Record<string, Constructor>>,
    hooks: ReadHooks,
    nodes: readonly Json[],
    bytes: Uint8Array,
  ) {
    this.classes = classes;
    this.hooks = hooks;
    this.nodes = nodes;
    this.bytes = bytes;
  }

  /** Throws BadGraph. */
  read(root: Json): object {
    for (let id = 0; id < this.nodes.length; id++) this.object(id);
    for (let id = 0; id < this.nodes.length; id++) this.fill(id);
    const found = this.value(root);
    if (typeof found !== "object" || found === null) throw new BadGraph("no root");
    return found;
  }

  /** An object by its number; its fields may still be empty. */
  object(id: unknown): object {
    const known = this.made[Number(id)];
    if (known) return known;
    const node = typeof id === "number" ? this.nodes[id] : undefined;
    if (!Array.isArray(node)) throw new BadGraph(`no object ${String(id)}`);
    const made = this.make(node as readonly Json[]);
    this.made[Number(id)] = made;
    return made;
  }
  private make(node: readonly Json[]): object {
    switch (node[0]) {
      case "a":
        return [];
      case "m":
        return new Map();
      case "s":
        return new Set();
      case "o":
        return {};
      case "t": {
        const made = ARRAYS[Number(node[1])];
        const bytes = this.blob(node[2]!).slice();
        if (!made || bytes.length % made.BYTES_PER_ELEMENT) throw new BadGraph("no such array");
        return new made(bytes.buffer);
      }
      case "c": {
        const name = String(node[1]);
        const made = Object.hasOwn(this.classes, name) ? this.classes[name] : undefined;
        if (!made) throw new BadGraph(`no class ${name}`);
        return Object.create(made.prototype as object) as object;
      }
      default: {
        const own = this.hooks.make(node, this);
        if (!own) throw new BadGraph("no such node");
        return own;
      }
    }
  }

  private fill(id: number): void {
    const node = this.nodes[id] as readonly Json[];
    const object = this.made[id]!;
    const values = (from: number): unknown[] => node.slice(from).map((value) => this.value(value));
    switch (node[0]) {
      case "a":
        (object as unknown[]).push(...values(1));
        return;
      case "m": {
        const all = values(1);
        for (let i = 0; i < all.length; i += 2) (object as Map<unknown, unknown>).set(all[i], all[i + 1]);
        return;
      }
      case "s":
        for (const value of values(1)) (object as Set<unknown>).add(value);
        return;
      case "o":
      case "c":
        for (let i = node[0] === "o" ? 1 : 2; i < node.length; i += 2) {
          const name = node[i];
          if (typeof name !== "string" || name === "__proto__") throw new BadGraph("no such field");
          (object as Record<string, unknown>)[name] = this.value(node[i + 1]);
        }
        return;
    }
  }

  value(value: Json | undefined): unknown {
    if (!Array.isArray(value)) {
      if (value === undefined) throw new BadGraph("a value is missing");
      return value;
    }
    const [kind, what] = value as readonly Json[];
    switch (kind) {
      case "u":
        return undefined;
      case "n":
        return Number(what);
      case "b":
        if (typeof what !== "string" || !/^-?\d+$/.test(what)) throw new BadGraph("no number");
        return BigInt(what);
      case "r":
        return this.object(what);
      default: {
        const own = this.hooks.value(value as readonly Json[], this);
        if (!own) throw new BadGraph("no such value");
        return own.value;
      }
    }
  }
  blob(place: Json): Uint8Array {
    const [at, size] = Array.isArray(place) ? (place as readonly Json[]) : [];
    if (typeof at !== "number" || typeof size !== "number" || !(at >= 0 && size >= 0 && at + size <= this.bytes.length))
      throw new BadGraph("bytes are missing");
    return this.bytes.subarray(at, at + size);
  }
}
