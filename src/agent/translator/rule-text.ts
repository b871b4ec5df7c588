import { type Form, INVALID, type RegField, type Source, sourceOf, type Value } from "./form.ts";
import type { Probe } from "./probe.ts";
import type { Expr } from "./search.ts";
import { bitAt } from "./word-bits.ts";

/** Writes learned forms as a rulebook. */
export class BookWriter {
  private readonly probe: Probe;
  private readonly file: readonly number[];
  private readonly views: { key: string; name: string; bits: number; lines: string }[] = [];
  private readonly declared = new Map<string, string>();
  private readonly names = new Map<string, number>();

  constructor(probe: Probe, file: readonly number[]) {
    this.probe = probe;
    this.file = file;
  }

  text(isa: string, forms: readonly Form[], notes: readonly string[]): string {
    const { probe, file } = this;
    const rows = forms.map((f) => this.row(f));
    const head = [
      `isa ${isa} ${probe.little ? "little" : "big"}${probe.pcBits === 64 ? "" : ` pc${probe.pcBits}`}${probe.unit > 1 ? ` unit${probe.unit}` : ""}`,
      "",
    ];
    if (file.length > 0) {
      head.push(`file R[${file.length}]: i${probe.cells[file.find((c) => c >= 0)!]!.bits}`);
      head.push(`names R ${file.map((c) => (c < 0 ? "none_" : word(probe.cells[c]!.name))).join(" ")}`);
    }
    for (const [c, cell] of probe.cells.entries())
      if (!file.includes(c)) head.push(`reg ${word(cell.name)}: i${cell.bits}`);
    head.push("", ...this.views.map((v) => v.lines), "");
    for (const [name, decl] of [...this.declared].sort((a, b) => (a[0] < b[0] ? -1 : 1)))
      head.push(decl.replace("?", name));
    head.push("signed simm simm1", "");
    return `${notes.map((n) => `# ${n}`).join("\n")}\n${[...head, ...rows].join("\n")}\n`;
  }

  private row(form: Form): string {
    const fields = this.fieldNames(form);
    const imms = form.imms.map((f, i) => `${f.signed ? "simm" : "uimm"}${i === 0 ? "" : i}`);
    const tokens: string[] = [];
    for (let bit = 8 * form.length - 1; bit >= 0; bit--) tokens.push(token(form, fields, imms, bit));
    const where = [
      ...form.regs.flatMap((f, i) => invalid(f, fields[i]!)),
      ...form.where.map((c) => (c.k === "not" ? `${imms[c.imm]} != ${c.value}` : `${fields[c.a]} != ${fields[c.b]}`)),
    ];
    const encoding = `${packed(tokens)}${where.length > 0 ? ` where ${where.join(" && ")}` : ""}`;
    const name = this.unique(form.name || nameOf(form));
    const operands = [...fields.map((f) => `{${f}}`), ...imms.map((f) => `{${f}}`)].join(", ");
    return [
      `# tested on ${form.cases} states`,
      `${name} | ${encoding} | ${name}${operands ? ` ${operands}` : ""} |`,
      ...this.body(form, fields, imms).map((l) => `  ${l}`),
    ].join("\n");
  }

  private unique(base: string): string {
    const n = (this.names.get(base) ?? 0) + 1;
    this.names.set(base, n);
    return n === 1 ? base : `${base}.${n}`;
  }

  private fieldNames(form: Form): string[] {
    const counts = new Map<string, number>();
    return form.regs.map((f, i) => {
      const view = this.viewOf(f);
      const writes = form.outs.some((o) => o.to.k === "field" && o.to.field === i);
      const base = writes ? "rd" : "rs";
      const n = counts.get(base) ?? 0;
      counts.set(base, n + 1);
      const name = `${base}${n === 0 ? "" : n + 1}${view.name.slice(1)}`;
      this.declared.set(name, `field ?: ${f.bits.length} is ${view.name}`);
      return name;
    });
  }

  private viewOf(f: RegField): { name: string } {
    const { probe, file } = this;
    const key = `${f.bits.length}:${[...f.map].map((c) => (c === INVALID ? "x" : c)).join()}`;
    // Values that are excluded in one row and not in another are one view
    const found = this.views.find((v) => v.key === key);
    if (found) return found;
    const bits = probe.cells[f.map.find((c) => c >= 0)!]!.bits;
    const name = `r_${this.views.length}`;
    const plain = f.map.every((c, v) => c === INVALID || c === file[v]);
    const first = file.indexOf(f.map[0]!);
    const offset = !plain && f.map.every((c, v) => c === file[first + v]);
    const dead = [...f.map.keys()].filter((v) => f.map[v] !== INVALID && (f.map[v]! < 0 || !probe.keepsAny(f.map[v]!)));
    let lines: string;
    if (plain || offset) {
      const at = plain ? "n" : `n + ${first}`;
      const zero = dead.map((v) => `n == ${v}`).join(" || ");
      const live = dead.map((v) => `n != ${v}`).join(" && ");
      lines = zero
        ? `view ${name}(n): ${bits} get ${zero} ? 0 : R[${at}] set if ${live} { R[${at}] = v }`
        : `view ${name}(n): ${bits} get R[${at}] set R[${at}] = v`;
    } else {
      const arms = [...f.map].map((c) => (c < 0 || !probe.keepsAny(c) ? `0:i${bits}` : this.cell(c)));
      const sets = [...f.map].flatMap((c, v) =>
        c < 0 || !probe.keepsAny(c) ? [] : [`if n == ${v} { ${this.cell(c)} = v }`],
      );
      lines = `view ${name}(n): ${bits} get select(n; ${arms.join(", ")}) set ${sets.join(" else ")}`;
    }
    const view = { key, name, bits, lines };
    this.views.push(view);
    return view;
  }

  private cell(c: number): string {
    const i = this.file.indexOf(c);
    return i >= 0 ? `R[${i}]` : word(this.probe.cells[c]!.name);
  }

  private body(form: Form, fields: readonly string[], imms: readonly string[]): string[] {
    const { probe } = this;
    const lines: string[] = [];
    const widthOf = (s: Source): number => {
      if (s.k === "field") return probe.cells[form.regs[s.field]!.map.find((c) => c >= 0)!]!.bits;
      if (s.k === "cell") return probe.cells[s.cell]!.bits;
      if (s.k === "load") return 8 * form.load!.bytes;
      if (s.k === "out") return outWidth(probe, form, s.out);
      return s.k === "bit" ? 1 : probe.pcBits;
    };
    const plain = (s: Source): string => {
      if (s.k === "field") return fields[s.field]!;
      if (s.k === "cell") return this.cell(s.cell);
      if (s.k === "bit") return probe.cells[s.cell]!.bits === 1 ? this.cell(s.cell) : `${this.cell(s.cell)}[${s.bit}]`;
      return s.k === "load" ? "loaded_" : s.k === "out" ? `value_${s.out}` : s.k;
    };
    const leaf = (name: string, w: number, sort: string): string => {
      const s = sourceOf(name);
      if (!s) return name;
      if (s.k === "imm") return imms[s.imm]!;
      const own = widthOf(s);
      if (sort === "B" || own === w) return plain(s);
      return own < w ? `zext<${w}>(${plain(s)})` : `${plain(s)}[${w - 1}:0]`;
    };
    /** Integers alone have no width: then one of them gets it. */
    const shown = (e: Expr, w: number, alone: boolean): string => {
      if (e.k === "leaf") {
        const t = leaf(e.leaf.name, w, e.leaf.sort);
        return alone && e.leaf.sort === "W" && isInt(e) ? `(0:i${w} + ${t})` : t;
      }
      const wide = e.args.filter((_, i) => e.rule.args[i] === "W");
      const lone = wide.every(isInt);
      const cut = /ext|bit|pack|halves|avg|mulh|shlin|shrin|rev|orbytes|rol|ror|sh|sa|w$/.test(e.rule.name);
      let given = false;
      return e.rule.text(
        ...e.args.map((a, i) => {
          const needs = e.rule.args[i] === "W" && ((lone && !given) || cut);
          if (needs) given = true;
          return shown(a, w, needs);
        }),
      );
    };
    const value = (v: Value, w: number): string => {
      const t = shown(v.expr, v.w, v.w !== w || v.expr.k === "leaf");
      return v.w > w ? `${t}[${w - 1}:0]` : v.w < w ? `zext<${w}>(${t})` : t;
    };
    const used = JSON.stringify([form.outs.map((o) => names(o.expr)), form.store && names(form.store.value.expr)]);
    if (form.load) lines.push(`let loaded_ = mem<${8 * form.load.bytes}>[${value(form.load.addr, probe.pcBits)}]`);
    form.outs.forEach((o, i) => {
      const w = outWidth(probe, form, i);
      const bit = o.to.k === "bit" || w === 1;
      const t = bit ? shown(o.expr, o.w, false) : value(o, w);
      const to =
        o.to.k === "field"
          ? fields[o.to.field]!
          : o.to.k === "bit"
            ? `${this.cell(o.to.cell)}[${o.to.bit}]`
            : this.cell(o.to.cell);
      if (used.includes(`"%o${i}"`)) lines.push(`let value_${i} = ${t}`, `${to} = value_${i}`);
      else lines.push(`${to} = ${t}`);
    });
    if (form.store)
      lines.push(
        `mem<${8 * form.store.bytes}>[${value(form.store.addr, probe.pcBits)}] = ${value(form.store.value, 8 * form.store.bytes)}`,
      );
    if (form.jump) {
      const to = `jump ${value(form.jump.target, probe.pcBits)}`;
      lines.push(form.jump.cond ? `if ${shown(form.jump.cond.expr, form.jump.cond.w, false)} { ${to} }` : to);
    }
    return lines.length > 0 ? lines : ["let nothing = 0:i1"];
  }
}

function outWidth(probe: Probe, form: Form, i: number): number {
  const { to } = form.outs[i]!;
  if (to.k === "bit") return 1;
  return to.k === "cell"
    ? probe.cells[to.cell]!.bits
    : probe.cells[form.regs[to.field]!.map.find((c) => c >= 0)!]!.bits;
}

const names = (e: Expr): string[] => (e.k === "leaf" ? [e.leaf.name] : e.args.flatMap(names));
const isInt = (e: Expr): boolean => e.k === "leaf" && (e.leaf.name.startsWith("%i") || !e.leaf.name.startsWith("%"));
const word = (name: string): string => name.replace(/[^A-Za-z0-9_]/g, "_").replace(/^(?=[0-9])/, "_");

function token(form: Form, fields: readonly string[], imms: readonly string[], bit: number): string {
  if (bitAt(form.mask, bit) === 1) return String(bitAt(form.match, bit));
  for (const [i, f] of form.regs.entries()) {
    const k = f.bits.indexOf(bit);
    if (k >= 0) return `${fields[i]}[${k}]`;
  }
  for (const [i, f] of form.imms.entries()) {
    const p = f.pieces.find((x) => x.bit === bit);
    if (p) return `${imms[i]}[${p.to}]`;
  }
  return "_:1";
}

/** Neighbouring bits of one field as a range, neighbouring literals as one. */
function packed(tokens: readonly string[]): string {
  const out: string[] = [];
  let last: { name: string; hi: number; lo: number } | undefined;
  const flush = (): void => {
    if (last) out.push(`${last.name}[${last.hi === last.lo ? last.hi : `${last.hi}:${last.lo}`}]`);
    last = undefined;
  };
  for (const t of tokens) {
    const m = /^(\w+)\[(\d+)\]$/.exec(t);
    if (m) {
      if (last && last.name === m[1] && last.lo === Number(m[2]) + 1) last.lo--;
      else {
        flush();
        last = { name: m[1]!, hi: Number(m[2]), lo: Number(m[2]) };
      }
      continue;
    }
    flush();
    if (/^[01]$/.test(t) && /^[01]+$/.test(out.at(-1) ?? "")) out[out.length - 1] += t;
    else out.push(t);
  }
  flush();
  return out.join(" ");
}

/** Conditions on a field for the values that no register has. */
function invalid(f: RegField, name: string): string[] {
  const bad = [...f.map.keys()].filter((v) => f.map[v] === INVALID);
  if (bad.length === 0) return [];
  const first = bad[0]!;
  if (bad.length === f.map.length - first) return [`${name} < ${first}`];
  return bad.map((v) => `${name} != ${v}`);
}

const COMMON: Readonly<Record<string, string>> = { select: "sel" };
function nameOf(form: Form): string {
  const top = (e: Expr): string => (e.k === "leaf" ? "mov" : (COMMON[e.rule.name] ?? e.rule.name));
  const i = form.imms.length > 0 ? "i" : "";
  if (form.store) return `st${8 * form.store.bytes}`;
  if (form.load) return `ld${8 * form.load.bytes}`;
  if (form.jump) return form.jump.cond ? `b${top(form.jump.cond.expr)}` : form.outs.length > 0 ? "jal" : "jmp";
  const first = form.outs[0];
  return first ? `${top(first.expr)}${i}` : "nop";
}
