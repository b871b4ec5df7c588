import type { Expr, Stmt } from "./ast.ts";
import { block, type Core, core, isNum, num } from "./core.ts";
import { RuleError } from "./error.ts";
import { parseExpr, parseStmts } from "./parse.ts";
import { type Binding, Scope, unknownName } from "./scope.ts";
import { widthError } from "./typed.ts";
import { OPERAND_LOCALS, Typer } from "./typing.ts";

/**
 * Something that can be written: `w` bits, from a value of that width to a statement.
 * `read` gives the value with this row's earlier writes in it, for partial writes through views.
 */
interface Target {
  readonly w: number;
  readonly write: (value: Core) => Core;
  /** Writes `value` from bit `lo` on. */
  readonly writePart: (lo: Core, value: Core) => Core;
}

/** Types the statements of a row: see core.ts for the ops. Conditions, targets and acts resolve here. */
export class StmtTyper extends Typer {
  stmts(list: readonly Stmt[], outer: Scope): Core {
    const scope = new Scope(outer);
    return block(list.map((s) => this.stmt(s, scope)));
  }

  private stmt(s: Stmt, scope: Scope): Core {
    switch (s.k) {
      case "assign":
        return this.assign(s.place, s.value, scope);
      case "let": {
        const value = this.expr(s.value, scope, undefined);
        if (value === undefined) {
          // Open width: the name stands for the expression.
          scope.bind(s.name, { k: "expr", e: s.value, scope });
          return block([]);
        }
        const n = this.newLocal();
        scope.bind(s.name, { k: "local", n, w: value.w });
        return core("slet", -1, [value], n);
      }
      case "if": {
        const c = this.condition(s.c, scope);
        if (isNum(c)) return this.stmts(c.v !== 0n ? s.then : s.else, scope);
        return core("if", -1, [c, this.stmts(s.then, scope), this.stmts(s.else, scope)]);
      }
      case "for": {
        const n = this.newLocal();
        const inner = new Scope(scope);
        inner.bind(s.i, { k: "local", n, w: 0 });
        const from = this.int(s.from, scope, "for's range");
        const to = this.int(s.to, scope, "for's range");
        return core("for", -1, [from, to, this.stmts(s.body, inner)], n);
      }
      case "jump":
        return core("jump", -1, [this.bits(s.target, scope, this.symbols.source.pcWidth)], 0, s.hint);
      case "trap":
      case "stop":
        return core(s.k, -1, [], 0, s.name);
      case "fence":
        return core("fence", -1, [], 0, s.args.map((a) => (a.k === "name" ? a.id : "?")).join(" "));
      case "undef":
        return block(
          s.places.map((p) => {
            const target = this.target(p, scope);
            return target.write(core("undef", target.w));
          }),
        );
      case "ask":
        return this.ask(s, scope);
      case "act":
        return this.act(s, scope);
      case "unknown":
        return core("sunknown", -1);
    }
  }

  private assign(place: Expr, value: Expr, scope: Scope): Core {
    if (this.isDiscard(place, scope)) {
      const v = this.expr(value, scope, undefined);
      return v === undefined || v.w === 0 ? block([]) : core("slet", -1, [v], this.newLocal());
    }
    const target = this.target(place, scope);
    return target.write(this.bits(value, scope, target.w));
  }

  private ask(s: Stmt & { k: "ask" }, scope: Scope): Core {
    const q = this.symbols.source.questions.get(s.f);
    if (!q) throw new RuleError("RULE_NAME", `no question ${s.f} (declare it with ask)`);
    if (q.args.length !== s.args.length || q.results.length !== s.places.length)
      throw new RuleError(
        "RULE_SYNTAX",
        `${s.f} takes ${q.args.length} arguments and gives ${q.results.length} results`,
      );
    const args = s.args.map((a, i) => this.bits(a, scope, q.args[i]));
    const locals = q.results.map(() => this.newLocal());
    const first = core("sask", -1, args, locals[0], `${s.f} ${q.results.join(" ")}`);
    const writes = s.places.map((p, i) => {
      if (this.isDiscard(p, scope)) return block([]);
      if (p.k === "name" && this.isNew(p.id, scope)) {
        scope.bind(p.id, { k: "local", n: locals[i], w: q.results[i] });
        return block([]);
      }
      const target = this.target(p, scope);
      if (target.w !== q.results[i])
        return widthError(`${s.f}'s result ${i} is i${q.results[i]}, its place i${target.w}`);
      return target.write(core("local", target.w, [], locals[i]));
    });
    return block([first, ...writes]);
  }

  /** A name that stands for nothing yet: an answer's. */
  private isNew(id: string, scope: Scope): boolean {
    return !scope.find(id) && !this.symbols.state.has(id) && !this.symbols.source.macros.has(id);
  }

  private act(s: Stmt & { k: "act" }, scope: Scope): Core {
    const b = scope.find(s.f);
    if (b?.k === "cell" && !s.called) return this.nested(s.f, () => this.inline(parseStmts(b.text), scope));
    // A column may name the act.
    const name = b?.k === "cell" && /^\w+$/.test(b.text) ? b.text : s.f;
    const act = this.symbols.source.acts.get(name);
    if (!act) return unknownName(s.f);
    const inner = new Scope(this.row);
    const lets = this.bindArgs(s.f, act.params, s.args, scope, inner);
    const body = this.nested(s.f, () => this.stmts(act.body, inner));
    return block([...lets.map(([n, value]) => core("slet", -1, [value], n)), body]);
  }

  /** A cell's statements stand in the row's own scope: its lets go on after it. */
  private inline(list: readonly Stmt[], scope: Scope): Core {
    return block(list.map((s) => this.stmt(s, scope)));
  }

  // --- targets

  private isDiscard(e: Expr, scope: Scope): boolean {
    if (e.k !== "name") return false;
    if (e.id === "_") return true;
    const b = scope.find(e.id);
    return b?.k === "expr" && this.isDiscard(b.e, b.scope);
  }

  private target(e: Expr, scope: Scope): Target {
    switch (e.k) {
      case "name":
        return this.namedTarget(e.id, scope);
      case "index": {
        const file = e.x.k === "name" && !scope.find(e.x.id) ? this.symbols.state.get(e.x.id) : undefined;
        if (file && file.count > 0 && e.x.k === "name") return stateTarget(this.elementAt(e.x.id, e.i, scope));
        return this.partTarget(e, scope);
      }
      case "slice":
      case "part":
        return this.partTarget(e, scope);
      case "call": {
        const b = scope.find(e.f);
        const f = b?.k === "cell" && /^\w+$/.test(b.text) ? b.text : e.f;
        if (!this.symbols.source.views.has(f)) break;
        const gen = e.gen.map((g) => this.constant(g, scope, "a width"));
        return this.viewTarget(
          f,
          gen,
          e.args.map((a) => this.int(a, scope, `${f}'s argument`)),
        );
      }
      case "mem": {
        const { w, attrs, guards } = this.memArgs(e.gen, scope, undefined);
        if (w === undefined) return widthError("mem needs a width (write <w>)");
        const addr = this.bits(e.addr, scope, this.symbols.source.pcWidth);
        return {
          w,
          write: (value) => core("store", -1, [addr, value, ...guards], 0, attrs),
          writePart: () => widthError("part of memory cannot be written: read it and write it whole"),
        };
      }
    }
    throw new RuleError("RULE_PLACE", "this cannot be written");
  }

  private namedTarget(id: string, scope: Scope): Target {
    const b = scope.find(id);
    if (b) return this.boundTarget(id, b, scope);
    const state = this.symbols.state.get(id);
    if (state && state.count === 0) return stateTarget(core("slot", state.w, [], state.slot));
    const macro = this.symbols.source.macros.get(id);
    if (macro) return this.nested(id, () => this.target(macro, scope));
    if (state || id === "pc" || id === "next") throw new RuleError("RULE_PLACE", `${id} cannot be written`);
    return unknownName(id);
  }

  private boundTarget(id: string, b: Binding, scope: Scope): Target {
    switch (b.k) {
      case "expr":
        return this.nested(id, () => this.target(b.e, b.scope));
      case "cell":
        return this.nested(id, () => this.target(parseExpr(b.text), scope));
      case "operand":
        return this.operandTarget(b);
      case "field":
        if (b.view !== undefined) return this.viewTarget(b.view, b.gen ?? [], [b.c]);
        throw new RuleError("RULE_PLACE", `${id} is a number and cannot be written`);
      default:
        throw new RuleError("RULE_PLACE", `${id} is a value and cannot be written`);
    }
  }

  private operandTarget(b: Binding & { k: "operand" }): Target {
    const targets = b.arms.map((e) => this.target(e, b.scope));
    if (targets.length === 1) return targets[0];
    const { w } = targets[0];
    const n = OPERAND_LOCALS - 1 - b.n;
    const held = core("local", w, [], n);
    const writes = this.apart(() => targets.map((t) => t.write(held)));
    return {
      w,
      write: (value) => core("opset", -1, [b.form, value, ...writes], n, b.forms.join(" ")),
      writePart: () => widthError("part of an operand cannot be written"),
    };
  }

  private partTarget(e: Expr & { k: "slice" | "part" | "index" }, scope: Scope): Target {
    const base = this.target(e.x, scope);
    const { lo, hi } = this.bounds(e, scope);
    const start = this.needInt(lo);
    const w = this.sliceWidth(start, hi);
    if (w === undefined) return widthError("a written slice must have a constant width");
    if (w < 1 || w > base.w || (isNum(start) && Number(start.v) + w > base.w))
      return widthError(`slice of ${w} bits of i${base.w}`);
    return {
      w,
      write: (value) => base.writePart(start, value),
      writePart: (lo2, value) => base.writePart(core("int+", 0, [start, lo2]), value),
    };
  }

  private viewTarget(name: string, gen: readonly number[], args: readonly Core[]): Target {
    const { view, w } = this.openView(name, gen, args);
    if (!view.set) throw new RuleError("RULE_PLACE", `view ${name} cannot be written`);
    const set = view.set;
    const write = (value: Core): Core => {
      const { scope, binds } = this.openView(name, gen, args);
      const v = this.newLocal();
      scope.bind("v", { k: "local", n: v, w });
      const body = this.nested(name, () => this.stmts(set, scope));
      const extra = binds.map((n) => num(n));
      return core("viewset", -1, [value, body, ...args, ...extra], v);
    };
    return {
      w,
      write,
      writePart: (lo, value) => {
        const whole = core("latest", w, [this.view(name, gen, args)]);
        return write(core("insert", w, [whole, lo, value]));
      },
    };
  }
}

function stateTarget(place: Core): Target {
  const index = place.op === "elem" ? place.a : [];
  return {
    w: place.w,
    write: (value) => core("set", -1, [value, ...index], place.n, place.s),
    writePart: (lo, value) => core("setpart", place.w, [value, lo, ...index], place.n, place.s),
  };
}
