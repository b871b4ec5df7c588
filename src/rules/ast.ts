/** Source trees: what the parser makes of expressions and statements, before names and widths are known. */

export type Expr =
  | { readonly k: "num"; readonly value: bigint; readonly w: number | undefined }
  | { readonly k: "name"; readonly id: string }
  | { readonly k: "un"; readonly op: string; readonly a: Expr }
  | { readonly k: "bin"; readonly op: string; readonly a: Expr; readonly b: Expr }
  | { readonly k: "cond"; readonly c: Expr; readonly a: Expr; readonly b: Expr }
  /** x[hi:lo]; one bit where hi and lo are the same object. */
  | { readonly k: "slice"; readonly x: Expr; readonly hi: Expr; readonly lo: Expr }
  /** x[lo +: n] */
  | { readonly k: "part"; readonly x: Expr; readonly lo: Expr; readonly n: Expr }
  /** x[i]: a bit of a value or an element of a file. */
  | { readonly k: "index"; readonly x: Expr; readonly i: Expr }
  /** f<gen>(args; opts). `called` is false for `ones<32>` and the bare `undef`. */
  | {
      readonly k: "call";
      readonly f: string;
      readonly gen: readonly Expr[];
      readonly args: readonly Expr[];
      readonly opts: readonly Expr[];
      readonly called: boolean;
    }
  | { readonly k: "mem"; readonly gen: readonly Expr[]; readonly addr: Expr }
  /** rmw<w>(addr; old => body; attributes) */
  | {
      readonly k: "rmw";
      readonly gen: readonly Expr[];
      readonly addr: Expr;
      readonly old: string;
      readonly body: Expr;
      readonly opts: readonly Expr[];
    }
  /** map<e>(a = X, ...): E */
  | { readonly k: "map"; readonly e: Expr; readonly binds: readonly Bind[]; readonly body: Expr }
  /** join<e>(i in from..to): E */
  | {
      readonly k: "join";
      readonly e: Expr;
      readonly i: string;
      readonly from: Expr;
      readonly to: Expr;
      readonly body: Expr;
    }
  /** fold(t = init, i in from..to): E */
  | {
      readonly k: "fold";
      readonly t: string;
      readonly init: Expr;
      readonly i: string;
      readonly from: Expr;
      readonly to: Expr;
      readonly body: Expr;
    };

export interface Bind {
  readonly name: string;
  readonly value: Expr;
}

export type Stmt =
  | { readonly k: "assign"; readonly place: Expr; readonly value: Expr }
  | { readonly k: "let"; readonly name: string; readonly value: Expr }
  | { readonly k: "if"; readonly c: Expr; readonly then: readonly Stmt[]; readonly else: readonly Stmt[] }
  | { readonly k: "for"; readonly i: string; readonly from: Expr; readonly to: Expr; readonly body: readonly Stmt[] }
  | { readonly k: "jump"; readonly hint: "jump" | "call" | "ret"; readonly target: Expr }
  | { readonly k: "trap"; readonly name: string }
  | { readonly k: "stop"; readonly name: string }
  | { readonly k: "fence"; readonly args: readonly Expr[] }
  | { readonly k: "undef"; readonly places: readonly Expr[] }
  | { readonly k: "ask"; readonly places: readonly Expr[]; readonly f: string; readonly args: readonly Expr[] }
  /** An act, or a column whose cell is a list of statements (no arguments and `called` false). */
  | { readonly k: "act"; readonly f: string; readonly args: readonly Expr[]; readonly called: boolean }
  /** ? : nobody knows yet what else this row does. */
  | { readonly k: "unknown" };
