import { constBig } from "./fold.ts";
import { type Effect, type FpPolicy, type Inst, type MemAttrs, Node, type Op, type Slot } from "./node.ts";
import { OPS } from "./ops.ts";

/** Text that is no IR; says line and what was expected. */
export class IrTextError extends Error {
  readonly line: number;
  constructor(line: number, said: string) {
    super(`IR text, line ${line}: ${said}`);
    this.line = line;
  }
}

/** Names that the text may use. */
export interface Names {
  readonly slots?: readonly Slot[];
  readonly policies?: readonly FpPolicy[];
}

/** Reads what text.ts writes. Nodes are made as written, nothing is folded. */
export function parseInst(text: string, names: Names = {}): Inst {
  return new Reader(text, names).inst();
}
export function parseEffects(text: string, names: Names = {}): readonly Effect[] {
  return new Reader(text, names).all();
}

const TOKEN = /\s*(-?0x[0-9a-f]+|-?\d+|[A-Za-z_][\w.]*(?:\[\d+\])?|\$-?\d+|%\d+|[^\s])/y;

class Reader {
  private readonly lines: readonly string[];
  private at = 0;
  private text = "";
  private token = "";
  private readonly slots = new Map<string, number>();
  private readonly policies = new Map<string, FpPolicy>();
  private readonly values = new Map<string, Node>();

  constructor(text: string, names: Names) {
    this.lines = text.split("\n").map((line) => line.replace(/#.*/, "").trim());
    for (const [i, s] of (names.slots ?? []).entries()) this.slots.set(s.name, i);
    for (const p of names.policies ?? []) this.policies.set(p.name, p);
  }

  private fail(said: string): never {
    throw new IrTextError(this.at, said);
  }

  /** Moves to the next line that is not empty; false at the end. */
  private line(): boolean {
    while (this.at < this.lines.length) {
      this.text = this.lines[this.at++];
      if (this.text === "") continue;
      TOKEN.lastIndex = 0;
      this.next();
      return true;
    }
    this.token = "";
    return false;
  }
  private next(): string {
    const was = this.token;
    const m = TOKEN.exec(this.text);
    this.token = m ? m[1] : "";
    if (!m) TOKEN.lastIndex = this.text.length;
    return was;
  }
  private take(token: string): void {
    if (this.token !== token) this.fail(`expected "${token}", found "${this.token}"`);
    this.next();
  }
  private took(token: string): boolean {
    if (this.token !== token) return false;
    this.next();
    return true;
  }
  /** The rest of the line as it is, for names that are no identifiers. */
  private rest(): string {
    const text = this.text.slice(TOKEN.lastIndex - this.token.length).trim();
    this.token = "";
    TOKEN.lastIndex = this.text.length;
    return text;
  }
  private int(): number {
    if (!/^-?(0x)?[0-9a-f]+$/.test(this.token)) this.fail(`expected a number, found "${this.token}"`);
    return Number(this.next());
  }

  inst(): Inst {
    if (!this.line()) this.fail("expected an instruction");
    const m = /^(.*) @(0x[0-9a-f]+) \+(\d+)$/.exec(this.text);
    if (!m) return this.fail("expected ROW @0xPC +LENGTH");
    return { pc: Number(m[2]), length: Number(m[3]), row: m[1], effects: this.all() };
  }

  all(): Effect[] {
    const effects = this.block();
    if (this.text !== "" && this.token !== "") this.fail(`unexpected "${this.token}"`);
    return effects;
  }

  /** Effects up to a "}" or the end. */
  private block(): Effect[] {
    const effects: Effect[] = [];
    while (this.line()) {
      if (this.token === "}") return effects;
      const e = this.effect();
      if (this.token !== "") this.fail(`unexpected "${this.token}"`);
      if (e) effects.push(e);
    }
    return effects;
  }

  private effect(): Effect | undefined {
    const word = this.token;
    if (word.startsWith("%")) return this.named();
    switch (word) {
      case "mem": {
        this.next();
        this.take("[");
        const addr = this.value();
        this.take("]");
        this.take("=");
        return { k: "store", addr, value: this.value(), mem: this.attributes() };
      }
      case "if":
        return this.branch();
      case "jump":
      case "call":
      case "ret":
        this.next();
        return { k: "jump", target: this.value(), hint: word };
      case "fence":
        this.next();
        return { k: "fence", kind: this.rest() };
      case "trap":
      case "stop":
        this.next();
        return { k: word, name: this.rest() };
    }
    const slot = this.slot(this.next());
    this.take("=");
    return { k: "set", slot, value: this.value() };
  }

  private named(): Effect | undefined {
    const name = this.next();
    this.take("=");
    const node = this.value();
    if (this.values.has(name)) this.fail(`${name} has a value already`);
    this.values.set(name, node);
    if (node.op === "load" || node.op === "rmw") return { k: node.op, node };
    return node.op === "ask" && node.aux === 0 ? { k: "ask", node } : undefined;
  }

  private branch(): Effect {
    this.next();
    const cond = this.value();
    this.take("{");
    const yes = this.block();
    this.take("}");
    let no: Effect[] = [];
    if (this.took("else")) {
      this.take("{");
      no = this.block();
      this.take("}");
    }
    return { k: "if", cond, then: yes, else: no };
  }

  private attributes(): MemAttrs | undefined {
    const mem: { acq?: boolean; rel?: boolean; aligned?: boolean } = {};
    let any = false;
    while (this.token === "acq" || this.token === "rel" || this.token === "aligned") {
      mem[this.next() as "acq" | "rel" | "aligned"] = true;
      any = true;
    }
    return any ? mem : undefined;
  }

  private slot(name: string): number {
    if (name.startsWith("$")) return Number(name.slice(1));
    return this.slots.get(name) ?? this.fail(`no slot is called "${name}"`);
  }

  private width(): number {
    this.take(":");
    return this.int();
  }

  private value(): Node {
    const word = this.next();
    if (word.startsWith("%")) return this.values.get(word) ?? this.fail(`${word} has no value yet`);
    if (/^-?\d/.test(word)) return constBig(this.width(), word.startsWith("-") ? -BigInt(word.slice(1)) : BigInt(word));
    if (!(word in OPS) || this.slots.has(word)) return this.leaf(word);
    const op = word as Op;
    if (op === "old") return new Node(op, this.width(), []);
    if (op === "undef" && this.token === ":") return new Node(op, this.width(), []);
    return this.operation(op);
  }

  private leaf(word: string): Node {
    const number = /^(param|elem)(\d+)$/.exec(word);
    if (number) return new Node(number[1] as Op, this.width(), [], { aux: Number(number[2]) });
    const aux = this.slot(word);
    return new Node("get", this.width(), [], { aux });
  }

  private operation(op: Op): Node {
    let w = this.token === ":" ? this.width() : 0;
    let fp: FpPolicy | undefined;
    if (this.took("{")) {
      const name = this.next();
      fp = this.policies.get(name) ?? this.fail(`no policy is called "${name}"`);
      this.take("}");
    }
    const name = this.token === "(" || this.token === "@" ? "" : this.next();
    let aux = this.took("@") ? this.int() : 0;
    const args: Node[] = [];
    let body: Node | undefined;
    this.take("(");
    while (!this.took(")")) {
      if (this.took(";")) {
        body = this.value();
        w = op === "map" ? aux * body.w : body.w;
        continue;
      }
      if (args.length) this.take(",");
      if (op === "extract" && args.length === 1) {
        const high = this.int();
        this.take(":");
        aux = this.int();
        w = high - aux + 1;
      } else args.push(this.value());
    }
    if (w === 0) w = widthOf(op, args) ?? this.fail(`${op} needs a width`);
    return new Node(op, w, args, { aux, fp, mem: this.attributes(), body, name });
  }
}

/** Width of an op that its arguments fix. */
function widthOf(op: Op, args: readonly Node[]): number | undefined {
  switch (op) {
    case "eq":
    case "ne":
    case "ult":
    case "ule":
    case "slt":
    case "sle":
    case "feq":
    case "flt":
    case "fle":
    case "carry":
    case "overflow":
    case "parity":
      return 1;
    case "fexc":
      return 6;
    case "select":
      return args[1]?.w;
    case "concat":
      return (args[0]?.w ?? 0) + (args[1]?.w ?? 0) || undefined;
    default:
      return args[0]?.w;
  }
}
