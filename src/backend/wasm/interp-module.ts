import { Handler } from "../../engine/predecode-layout.ts";
import { RowsWriter, type RowText } from "../../engine/predecode-rows.ts";
import type { Effect, Node } from "../../ir/node.ts";
import { ENGINE_MEMORY_BYTES, STATE } from "../../memory/layout.ts";
import type { IsaBook, Row, Template } from "../../rules/book.ts";
import { IMPORT_ENGINE, IMPORT_FLOAT, IMPORT_GUEST, IMPORT_REGIONS, IMPORTS, ROWS_SECTION } from "./abi.ts";
import { Bytes } from "./bytes.ts";
import { I32, I64 } from "./code.ts";
import type { FloatHost } from "./float-host.ts";
import { InterpBody, type Ways } from "./interp-body.ts";
import { exitAt, fault, functionWays, type Helpers, lookup, type Shape } from "./interp-helpers.ts";
import { NotLowered, planUop, type UopPlan } from "./interp-plan.ts";
import { PoolCode, Switch } from "./interp-switch.ts";
import { InterpValues } from "./interp-values.ts";
import { ModuleBuilder } from "./module.ts";

export interface InterpOptions {
  /** Row names, the most executed first; their handlers come first into the switch. */
  readonly hot?: readonly string[];
  /** Handlers in the switch; the rest are functions of their own. Those of `hot` by default, or 100. */
  readonly inline?: number;
  /** Count instructions into CTL_RETIRED. */
  readonly count?: boolean;
  /** Count executions of handlers, for Interpreter.profile. */
  readonly profile?: boolean;
  /** Where given, called with each row left to the evaluator and why. */
  readonly report?: (row: Row, why: string, variant: number) => void;
}

/**
 * Rows of a text of hot rows (rulebooks/isa/NAME.hot): names, or NAME:FORM:VARIANT for one variant of one of the
 * rows of a name, counted from 0; `#` begins a comment. null: none are known.
 */
export function hotRows(text: string | null): string[] {
  return (text ?? "")
    .replace(/#.*/g, "")
    .split(/\s+/)
    .filter((name) => name !== "");
}

/** Rows whose instructions do the same with the same operands share a handler. */
interface Group {
  readonly template: Template;
  readonly plan: UopPlan;
}

/**
 * The engine's memory is imported twice: as memory 0, which V8 reaches fastest and which a micro-op reaches most, and
 * under the number that regions know it by, for the float lowering shared with them.
 */
const ENGINE = 0;
const ENGINE_PAGES = ENGINE_MEMORY_BYTES >>> 16;
const GUEST = 2;

/**
 * The interpreter of a rulebook as a wasm module: run(micro-op) and the handler numbers. Deterministic, so that it
 * can be made once and stored.
 */
export function interpreterBytes(book: IsaBook, options: InterpOptions = {}): Uint8Array<ArrayBuffer> {
  return new Generator(book, options).build();
}

class Generator {
  private readonly book: IsaBook;
  private readonly options: InterpOptions;
  private readonly module = new ModuleBuilder();
  private readonly shape: Shape;
  private readonly float: FloatHost;
  private readonly writer: RowsWriter;
  /** Handlers of hot rows. */
  private hottest = 0;

  constructor(book: IsaBook, options: InterpOptions) {
    this.book = book;
    this.options = options;
    this.shape = {
      engine: ENGINE,
      align: book.align,
      count: options.count ?? false,
      profile: options.profile ?? false,
    };
    this.float = {
      module: this.module,
      importFloat: this.module.importFunc(IMPORTS, IMPORT_FLOAT, this.module.type([I32], [I32])),
      fused: true,
      slotOffset: (slot) => STATE + book.slots[slot].offset,
      slotWidth: (slot) => book.slots[slot].w,
      helpers: new Map(),
    };
    this.writer = new RowsWriter(book);
  }

  build(): Uint8Array<ArrayBuffer> {
    const { module, book } = this;
    const region = module.type([], []);
    const handler = module.type([I32], [I32]);
    module.importMemory(IMPORTS, IMPORT_ENGINE, ENGINE_PAGES, ENGINE_PAGES);
    module.importMemory(IMPORTS, IMPORT_ENGINE, ENGINE_PAGES, ENGINE_PAGES);
    module.importMemory(IMPORTS, IMPORT_GUEST, 0);
    module.importTable(IMPORTS, IMPORT_REGIONS, 0);
    const helpers: Helpers = {
      exitAt: module.func(module.type([I32, I32, I32], []), "exit"),
      fault: module.func(module.type([I32, I64, I32], []), "fault"),
      lookup: module.func(module.type([I64], [I32]), "lookup"),
    };
    module.body(helpers.exitAt, exitAt(ENGINE));
    module.body(helpers.fault, fault(ENGINE));
    module.body(helpers.lookup, lookup(this.shape));

    const rows = new Array<RowText | 0>(book.rows.length * book.variants).fill(0);
    const groups = this.groups(rows);
    const inline = Math.min(groups.length, this.options.inline ?? (this.hottest || 100));
    const rest: number[] = [];
    for (const group of groups.slice(inline)) {
      const func = module.func(handler, "handler");
      const code = new PoolCode([I32]);
      this.body(group, code, functionWays(code, ENGINE, helpers));
      module.body(func, code);
      rest.push(func);
    }
    const table = module.table(Math.max(1, rest.length), Math.max(1, rest.length));
    if (rest.length) module.element(table, 0, rest);
    const run = module.func(module.type([I32], []), "run");
    const bodies = groups.slice(0, inline).map(
      (group) =>
        (code: PoolCode, ways: Ways): void =>
          this.body(group, code, ways),
    );
    module.body(run, new Switch(this.shape, helpers).build(bodies, { region, handler }));
    module.exportFunc("run", run);
    const text = JSON.stringify(this.writer.text(rows));
    return withSection(module.build(), ROWS_SECTION, new TextEncoder().encode(text));
  }

  private body(group: Group, code: PoolCode, ways: Ways): void {
    const memories = { engine: ENGINE, guest: GUEST };
    const values = new InterpValues(code, memories, this.book, group.template, group.plan, this.float);
    new InterpBody(values, group.template, ways, this.book).emit();
    // Where control left on every way, the body's end is never reached.
    code.op(0x00);
  }

  /** The handlers, hottest first; writes each row's text. */
  private groups(rows: (RowText | 0)[]): Group[] {
    const rank = new Map((this.options.hot ?? []).map((name, i) => [name, i]));
    const forms = formNumbers(this.book.rows);
    const hotness = (row: Row, variant: number): number | undefined =>
      rank.get(`${row.name}:${forms[row.index]}:${variant}`) ?? rank.get(row.name);
    const byKey = new Map<string, number>();
    const groups: Group[] = [];
    const { book } = this;
    const every = book.rows.flatMap((row) =>
      Array.from({ length: book.variants }, (_, variant) => ({
        row,
        variant,
        order: hotness(row, variant) ?? rank.size,
      })),
    );
    for (const { row, variant } of every.sort((a, b) => a.order - b.order || a.row.index - b.row.index)) {
      let template = book.template(row, variant);
      let plan = template && planUop(template);
      for (let lean = 1; template && !plan && lean <= 2; lean++) {
        template = book.leanTemplate?.(row, variant, lean) ?? null;
        plan = template && planUop(template);
      }
      if (!template || !plan) {
        const why = template ? "its parameters do not fit into a micro-op" : (book.templateGap(row, variant) ?? "");
        this.options.report?.(row, why, variant);
        continue;
      }
      const key = groupKey(template, plan);
      let number = byKey.get(key);
      if (number === undefined) {
        const group = { template, plan };
        if (!this.lowers(row, variant, group)) continue;
        number = Handler.Rows + groups.length;
        groups.push(group);
        if (hotness(row, variant) !== undefined) this.hottest = groups.length;
        byKey.set(key, number);
      }
      rows[row.index * book.variants + variant] = this.row(number, template, plan);
    }
    return groups;
  }

  private row(handler: number, template: Template, plan: UopPlan): RowText {
    const { writer } = this;
    const value = (param: number) => writer.value(template.valueParams[param]);
    return {
      handler,
      slots: plan.slots.filter(firstAt).map(({ param, at }) => {
        const { field, slots, bytes } = template.slotParams[param];
        return [field, writer.table(slots, bytes), at];
      }),
      values: plan.values.map(({ param, at, bytes, signed }) => [value(param), at, bytes, signed ? 1 : 0]),
      ...(plan.link >= 0 ? { link: value(plan.link) } : {}),
      ends: plan.ends ? 1 : 0,
    };
  }

  /** Tries the row's body out. */
  private lowers(row: Row, variant: number, group: Group): boolean {
    const code = new PoolCode([I32]);
    try {
      this.body(group, code, functionWays(code, ENGINE, { exitAt: 0, fault: 0, lookup: 0 }));
      return true;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (!(error instanceof NotLowered) && !/has no wasm lowering/.test(error.message)) throw error;
      this.options.report?.(row, error.message, variant);
      return false;
    }
  }
}

/** By row index: how many rows of its name stand before it. */
function formNumbers(rows: readonly Row[]): number[] {
  const counts = new Map<string, number>();
  return rows.map(({ name }) => {
    const number = counts.get(name) ?? 0;
    counts.set(name, number + 1);
    return number;
  });
}

/** Parameters that share an operand stand side by side. */
const firstAt = (slot: UopPlan["slots"][number], i: number, all: UopPlan["slots"]): boolean =>
  i === 0 || all[i - 1].at !== slot.at;

/** Text that is equal for templates that mean the same over the same operands. */
function groupKey(template: Template, plan: UopPlan): string {
  const numbers = new Map<Node, number>();
  const lines: string[] = [];
  const node = (n: Node): number => {
    const known = numbers.get(n);
    if (known !== undefined) return known;
    const args = n.args.map(node).join();
    const mem = n.mem ? JSON.stringify(n.mem) : "";
    const body = n.body ? `{${node(n.body)}}` : "";
    const number = numbers.size;
    numbers.set(n, number);
    lines.push(
      `${n.op}${n.w}(${args})${body}${n.lo},${n.hi},${n.big ?? ""},${n.aux}${n.name}${n.fp?.name ?? ""}${mem}`,
    );
    return number;
  };
  const effects = (list: readonly Effect[]): string => list.map(effect).join(";");
  const effect = (e: Effect): string => {
    switch (e.k) {
      case "load":
      case "rmw":
      case "ask":
        return `${e.k} ${node(e.node)}`;
      case "store":
        return `store ${node(e.addr)} ${node(e.value)} ${JSON.stringify(e.mem ?? {})}`;
      case "set":
        return `set ${e.slot} ${node(e.value)}`;
      case "jump":
        return `jump ${e.hint} ${node(e.target)}`;
      case "if":
        return `if ${node(e.cond)} {${effects(e.then)}} {${effects(e.else)}}`;
      case "fence":
        return "fence";
      default:
        return `${e.k} ${e.name}`;
    }
  };
  return `${effects(template.effects)}\n${lines.join("\n")}\n${JSON.stringify(plan)}`;
}

function withSection(module: Uint8Array, name: string, content: Uint8Array): Uint8Array<ArrayBuffer> {
  const body = new Bytes(content.length + name.length + 8);
  body.name(name);
  body.bytes(content);
  const out = new Bytes(module.length + body.length + 8);
  out.bytes(module);
  out.u8(0);
  out.u32(body.length);
  out.append(body);
  return out.take();
}
