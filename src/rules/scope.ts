import type { Expr } from "./ast.ts";
import type { Core } from "./core.ts";
import { RuleError } from "./error.ts";
import type { BookSource, PolicyDecl } from "./source.ts";

/** What a name stands for inside a row. */
export type Binding =
  /** A value or (w = 0) an integer held in a local. */
  | { readonly k: "local"; readonly n: number; readonly w: number }
  | { readonly k: "core"; readonly c: Core }
  /** Another expression, read where it stands: a place, a literal, anything of open width. */
  | { readonly k: "expr"; readonly e: Expr; readonly scope: Scope }
  /** An operand with a place for each encoding of it; `form` says which. */
  | {
      readonly k: "operand";
      readonly n: number;
      readonly form: Core;
      readonly forms: readonly number[];
      readonly arms: readonly Expr[];
      readonly scope: Scope;
    }
  /** A column's cell. */
  | { readonly k: "cell"; readonly text: string }
  /** A field of the encoding or a register named in its place: an integer, seen through a view where it has one. */
  | { readonly k: "field"; readonly c: Core; readonly view: string | undefined; readonly gen?: readonly number[] };

export class Scope {
  readonly parent: Scope | undefined;
  private readonly map = new Map<string, Binding>();

  constructor(parent?: Scope) {
    this.parent = parent;
  }

  bind(name: string, binding: Binding): void {
    this.map.set(name, binding);
  }

  find(name: string): Binding | undefined {
    for (let s: Scope | undefined = this; s; s = s.parent) {
      const b = s.map.get(name);
      if (b) return b;
    }
    return undefined;
  }
}

/** Where a state element or file lives. */
export interface StateEntry {
  readonly slot: number;
  readonly w: number;
  readonly count: number;
}

/** A book's global names, with slots given out. */
export interface Symbols {
  readonly source: BookSource;
  readonly state: ReadonlyMap<string, StateEntry>;
  readonly policies: readonly PolicyDecl[];
}

export function unknownName(name: string): never {
  throw new RuleError("RULE_NAME", `unknown name ${name}`);
}
