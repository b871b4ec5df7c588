import type { Expr, Stmt } from "./ast.ts";
import { at, type Place, RuleError } from "./error.ts";
import { crossings, type Table, tableLines, tableOf } from "./families.ts";
import { joinStatements, type Line, lineTree, splitBars } from "./lines.ts";
import { parseExpr, parseStmts } from "./parse.ts";

/** A rulebook after reading its lines and crossing its families; names and widths are not resolved yet. */
export interface BookSource {
  name: string;
  littleEndian: boolean;
  /** Width of `pc`. */
  pcWidth: number;
  /** Bytes that one address stands for. */
  unitBytes: number;
  /** State elements and files, in the order declared. */
  readonly state: StateDecl[];
  /** Assembly names by file or view. */
  readonly names: Map<string, string[]>;
  readonly macros: Map<string, Expr>;
  readonly views: Map<string, ViewDecl>;
  readonly fields: Map<string, FieldDecl>;
  readonly defs: Map<string, DefDecl>;
  readonly acts: Map<string, ActDecl>;
  readonly consts: Map<string, ConstDecl>;
  readonly questions: Map<string, QuestionDecl>;
  readonly operands: Map<string, OperandDecl>;
  /** How encodings are written: bits of fixed width, or the Intel SDM's notation. */
  notation: "bits" | "sdm";
  readonly policies: PolicyDecl[];
  readonly rows: RowSource[];
  readonly aliases: AliasSource[];
}

export interface StateDecl {
  readonly name: string;
  readonly w: number;
  /** Elements of a file; 0 for a single register. */
  readonly count: number;
  readonly hidden: boolean;
}
export interface ViewDecl {
  readonly name: string;
  readonly gen: readonly string[];
  readonly params: readonly string[];
  readonly width: Expr;
  readonly get: Expr | undefined;
  readonly set: readonly Stmt[] | undefined;
  readonly place: Place;
}
export interface FieldDecl {
  width: number | undefined;
  signed: boolean;
  view: string | undefined;
}
export interface DefDecl {
  readonly params: readonly string[];
  readonly body: Expr;
  readonly place: Place;
}
export interface ActDecl {
  readonly params: readonly string[];
  readonly body: readonly Stmt[];
  readonly place: Place;
}
export interface ConstDecl {
  readonly w: number;
  readonly values: readonly bigint[];
}
export interface QuestionDecl {
  readonly args: readonly number[];
  readonly results: readonly number[];
}
/** An operand class: a place for each way to encode it. */
export interface OperandDecl {
  readonly gen: readonly string[];
  readonly lines: readonly { readonly pattern: string; readonly assembly: string; readonly place: string }[];
  readonly at: Place;
}
export interface PolicyDecl {
  readonly name: string;
  readonly options: ReadonlyMap<string, string>;
  readonly place: Place;
}
/** One row after crossing, still as text. `cells`: the family's columns, by name. */
export interface RowSource {
  readonly name: string;
  readonly encoding: string;
  readonly assembly: string;
  readonly semantics: string;
  readonly cells: ReadonlyMap<string, string>;
  readonly place: Place;
  readonly section: string;
}
export interface AliasSource {
  readonly assembly: string;
  readonly target: string;
  readonly when: string | undefined;
  readonly lets: readonly { readonly name: string; readonly value: string }[];
  readonly place: Place;
}

export interface ReadOptions {
  /** Name of the text for messages. */
  readonly file?: string;
  /** Texts of the files that `use` names. */
  readonly files?: Readonly<Record<string, string>>;
  /** Rows to keep, by name; absent: all. Aliases go with the rows they stand for. */
  readonly keep?: (row: string) => boolean;
}

const WORD = "[A-Za-z_][A-Za-z0-9_]*";

export function readSource(text: string, options: ReadOptions = {}): BookSource {
  const book: BookSource = {
    name: "",
    littleEndian: true,
    pcWidth: 64,
    unitBytes: 1,
    state: [],
    names: new Map(),
    macros: new Map(),
    views: new Map(),
    fields: new Map(),
    defs: new Map(),
    acts: new Map(),
    consts: new Map(),
    questions: new Map(),
    operands: new Map(),
    notation: "bits",
    policies: [],
    rows: [],
    aliases: [],
  };
  new Reader(book, options).file(text, options.file ?? "book.rules", new Set());
  return book;
}

class Reader {
  private readonly tables = new Map<string, Table>();
  private section = "";
  private file_ = "";
  private readonly book: BookSource;
  private readonly options: ReadOptions;

  constructor(book: BookSource, options: ReadOptions) {
    this.book = book;
    this.options = options;
  }

  file(text: string, file: string, seen: Set<string>): void {
    if (seen.has(file)) return;
    seen.add(file);
    const outer = this.file_;
    this.file_ = file;
    const lines = lineTree(text);
    for (const line of lines) this.guard(line, () => this.tableLine(line));
    for (const line of lines) this.guard(line, () => this.top(line, seen));
    this.file_ = outer;
  }

  private place(line: Line): Place {
    return { file: this.file_, line: line.line };
  }

  private guard(line: Line, f: () => void): void {
    at(this.place(line), f);
  }

  /** Tables come first, so that order in the file is free. */
  private tableLine(line: Line): void {
    if (!/^table\s/.test(line.text)) return;
    const table = tableOf(line.text, tableLines(line));
    if (this.tables.has(table.name)) throw new RuleError("RULE_NAME", `table ${table.name} is declared twice`);
    this.tables.set(table.name, table);
  }

  private top(line: Line, seen: Set<string>): void {
    const match = new RegExp(`^(${WORD})\\b`).exec(line.text);
    const word = match ? match[1] : "";
    const rest = line.text.slice(word.length).trim();
    if (word === "table") return;
    const declare = rest.startsWith("|") ? undefined : this.declarations[word];
    if (word === "for" && line.text.endsWith(":")) this.family(rest.slice(0, -1), line);
    else if (declare) declare(rest, line, seen);
    else if (splitBars(line.text, 4).length < 3)
      throw new RuleError("RULE_SYNTAX", `neither a declaration nor a row: "${line.text.slice(0, 40)}"`);
    else this.row(line, new Map());
  }

  private readonly declarations: Readonly<Record<string, (rest: string, line: Line, seen: Set<string>) => void>> = {
    isa: (rest) => {
      const [name, ...flags] = rest.split(/\s+/);
      this.book.name = name;
      for (const flag of flags) {
        if (flag === "little") this.book.littleEndian = true;
        else if (flag === "big") this.book.littleEndian = false;
        else if (flag === "sdm") this.book.notation = "sdm";
        else if (/^pc[0-9]+$/.test(flag)) this.book.pcWidth = Number(flag.slice(2));
        else if (/^unit[1-8]$/.test(flag)) this.book.unitBytes = Number(flag.slice(4));
        else throw new RuleError("RULE_SYNTAX", `isa: unknown word "${flag}"`);
      }
    },
    use: (rest, _line, seen) => {
      const text = this.options.files?.[rest];
      if (text === undefined) throw new RuleError("RULE_USE", `use ${rest}: no such file was given`);
      this.file(text, rest, seen);
    },
    section: (rest) => {
      this.section = rest;
    },
    file: (rest) => {
      const m = new RegExp(`^(${WORD})\\[([0-9]+)\\]\\s*:\\s*i([0-9]+)(\\s+hidden)?$`).exec(rest);
      if (!m) throw new RuleError("RULE_SYNTAX", "file NAME[COUNT]: iWIDTH expected");
      this.state({ name: m[1], count: Number(m[2]), w: Number(m[3]), hidden: m[4] !== undefined });
    },
    reg: (rest) => {
      const m = new RegExp(`^(${WORD}(?:\\s+${WORD})*)\\s*:\\s*i([0-9]+)(\\s+hidden)?$`).exec(rest);
      if (!m) throw new RuleError("RULE_SYNTAX", "reg NAME...: iWIDTH [hidden] expected");
      for (const name of m[1].split(/\s+/)) this.state({ name, count: 0, w: Number(m[2]), hidden: m[3] !== undefined });
    },
    names: (rest, line) => {
      const words = `${rest} ${joinStatements(line.children).replaceAll("\n", " ")}`.trim().split(/\s+/);
      this.book.names.set(words[0], words.slice(1));
    },
    name: (rest) => {
      const [name, value] = cut(rest, "=");
      this.unique(this.book.macros, name, "name");
      this.book.macros.set(name, parseExpr(value));
    },
    field: (rest) => this.fieldLine(rest),
    signed: (rest) => {
      for (const name of rest.split(/\s+/)) this.field(name).signed = true;
    },
    view: (rest, line) => this.viewLine(this.whole(rest, line), this.place(line)),
    def: (rest, line) => {
      const m = new RegExp(`^(${WORD})\\s*\\(([^)]*)\\)\\s*=([\\s\\S]*)$`).exec(this.whole(rest, line));
      if (!m) throw new RuleError("RULE_SYNTAX", "def NAME(PARAMETERS) = EXPRESSION expected");
      this.unique(this.book.defs, m[1], "def");
      this.book.defs.set(m[1], { params: words(m[2]), body: parseExpr(m[3]), place: this.place(line) });
    },
    act: (rest, line) => {
      const m = new RegExp(`^(${WORD})\\s*\\(([^)]*)\\)\\s*\\{([\\s\\S]*)\\}$`).exec(this.whole(rest, line).trim());
      if (!m) throw new RuleError("RULE_SYNTAX", "act NAME(PARAMETERS) { STATEMENTS } expected");
      this.unique(this.book.acts, m[1], "act");
      this.book.acts.set(m[1], { params: words(m[2]), body: parseStmts(m[3]), place: this.place(line) });
    },
    const: (rest, line) => {
      const m = new RegExp(`^(${WORD})\\[([0-9]+)\\]\\s*:\\s*i([0-9]+)\\s*=\\s*([\\s\\S]*)$`).exec(
        this.whole(rest, line),
      );
      if (!m) throw new RuleError("RULE_SYNTAX", "const NAME[COUNT]: iWIDTH = VALUES expected");
      const values = m[4]
        .split(/[\s,]+/)
        .filter((s) => s !== "")
        .map(BigInt);
      if (values.length !== Number(m[2]))
        throw new RuleError("RULE_WIDTH", `const ${m[1]}: ${values.length} values, not ${m[2]}`);
      this.book.consts.set(m[1], { w: Number(m[3]), values });
    },
    ask: (rest) => {
      const m = new RegExp(`^(${WORD})\\s*\\(([^)]*)\\)\\s*:\\s*(.*)$`).exec(rest);
      if (!m) throw new RuleError("RULE_SYNTAX", "ask NAME(iW, ...): iW ... expected");
      this.book.questions.set(m[1], { args: widths(m[2]), results: widths(m[3]) });
    },
    fp: (rest, line) => {
      const [name, ...pairs] = this.whole(rest, line)
        .replaceAll("\n", " ")
        .split(/\s+(?=[a-z]+=)|\s+(?=ftz|daz)/);
      const options = new Map<string, string>();
      for (const pair of pairs) {
        const [key, value] = pair.includes("=") ? cut(pair, "=") : [pair.trim(), "1"];
        options.set(key, value);
      }
      this.book.policies.push({ name: name.trim(), options, place: this.place(line) });
    },
    operand: (rest, line) => this.operandLine(rest, line),
    alias: (rest, line) => this.aliasLine(this.whole(rest, line).replaceAll("\n", " "), this.place(line)),
  };

  /** NAME<w> with a line PATTERN | ASSEMBLY | PLACE for each encoding, or `use OTHER<w>` for another class's lines. */
  private operandLine(rest: string, line: Line): void {
    const head = new RegExp(`^(${WORD})(?:<([^>]*)>)?$`).exec(rest);
    if (!head) throw new RuleError("RULE_SYNTAX", "operand NAME<WIDTH> expected");
    this.unique(this.book.operands, head[1], "operand");
    const lines = line.children.flatMap((child) => {
      const use = new RegExp(`^use (${WORD})`).exec(child.text);
      if (use) {
        const other = this.book.operands.get(use[1]);
        if (!other) throw new RuleError("RULE_NAME", `no operand ${use[1]} above this one`);
        return [...other.lines];
      }
      const parts = splitBars(child.text, 3);
      if (parts.length < 3) throw new RuleError("RULE_SYNTAX", "an operand's line is PATTERN | ASSEMBLY | PLACE");
      return [{ pattern: parts[0], assembly: parts[1], place: parts[2] }];
    });
    this.book.operands.set(head[1], { gen: words(head[2] ?? ""), lines, at: this.place(line) });
  }

  private whole(rest: string, line: Line): string {
    if (line.children.length === 0) return rest;
    return joinStatements([{ ...line, text: rest }]);
  }

  private unique(map: ReadonlyMap<string, unknown>, name: string, what: string): void {
    if (map.has(name)) throw new RuleError("RULE_NAME", `${what} ${name} is declared twice`);
  }

  private state(decl: StateDecl): void {
    if (decl.w < 1 || decl.w > 512) throw new RuleError("RULE_WIDTH", `${decl.name}: i1 to i512, not i${decl.w}`);
    if (this.book.state.some((s) => s.name === decl.name))
      throw new RuleError("RULE_NAME", `${decl.name} is declared twice`);
    this.book.state.push(decl);
  }

  private field(name: string): FieldDecl {
    let f = this.book.fields.get(name);
    if (!f) this.book.fields.set(name, (f = { width: undefined, signed: false, view: undefined }));
    return f;
  }

  /** rd rs1: 5 is x · imm: 12 signed · csr: 12 */
  private fieldLine(rest: string): void {
    const m = new RegExp(`^([^:]+):\\s*([0-9]+)(\\s+signed)?(?:\\s+is\\s+(${WORD}))?$`).exec(rest);
    if (!m) throw new RuleError("RULE_SYNTAX", "field NAMES: WIDTH [signed] [is VIEW] expected");
    for (const name of words(m[1])) {
      const f = this.field(name);
      if (f.width !== undefined) throw new RuleError("RULE_NAME", `field ${name} is declared twice`);
      f.width = Number(m[2]);
      if (m[3]) f.signed = true;
      f.view = m[4];
    }
  }

  /** w(n): 32 get E set S */
  private viewLine(text: string, place: Place): void {
    const head = new RegExp(`^(${WORD})(?:<([^>]*)>)?\\s*\\(([^)]*)\\)\\s*:\\s*([^\\s]+)`).exec(text);
    if (!head) throw new RuleError("RULE_SYNTAX", "view NAME(PARAMETERS): WIDTH get E set S expected");
    const rest = text.slice(head[0].length);
    const get = /\bget\b([\s\S]*?)(?=\bset\b|$)/.exec(rest);
    const set = /\bset\b([\s\S]*)$/.exec(rest);
    this.unique(this.book.views, head[1], "view");
    this.book.views.set(head[1], {
      name: head[1],
      gen: words(head[2] ?? ""),
      params: words(head[3]),
      width: parseExpr(head[4]),
      get: get ? parseExpr(get[1].trim()) : undefined,
      set: set ? parseStmts(set[1].trim()) : undefined,
      place,
    });
  }

  /** ASSEMBLY = ROW when E with a = E, b = E */
  private aliasLine(text: string, place: Place): void {
    const m = /^(.*?)\s=\s(.*?)(?:\swhen\s(.*?))?(?:\swith\s(.*))?$/.exec(text);
    if (!m) throw new RuleError("RULE_SYNTAX", "alias ASSEMBLY = ROW [when E] [with NAME = E, ...] expected");
    const lets =
      m[4] === undefined
        ? []
        : m[4].split(/,(?![^()]*\))/).map((s) => {
            const [name, value] = cut(s, "=");
            return { name, value };
          });
    this.book.aliases.push({ assembly: m[1].trim(), target: m[2].trim(), when: m[3]?.trim(), lets, place });
  }

  private family(text: string, line: Line): void {
    const tables = words(text).map((name) => {
      const table = this.tables.get(name);
      if (!table) throw new RuleError("RULE_NAME", `no table ${name}`);
      return table;
    });
    for (const cells of crossings(tables))
      for (const child of line.children) this.guard(child, () => this.member(child, cells));
  }

  /** A row or an alias of a family. */
  private member(line: Line, cells: ReadonlyMap<string, string>): void {
    if (!line.text.startsWith("alias ")) {
      this.row(line, cells);
      return;
    }
    const text = this.whole(line.text.slice(6), line).replaceAll("\n", " ");
    this.aliasLine(fill(text, cells), this.place(line));
  }

  private row(line: Line, cells: ReadonlyMap<string, string>): void {
    const parts = splitBars(line.text, 4);
    if (parts.length < 3) throw new RuleError("RULE_SYNTAX", "a row is NAME | ENCODING | ASSEMBLY | SEMANTICS");
    const forms = [{ encoding: parts[1], assembly: parts[2], semantics: parts[3] ?? "", line }];
    const body: Line[] = [];
    for (const child of line.children) {
      if (!child.text.startsWith("|")) {
        body.push(child);
        continue;
      }
      const cellsOf = splitBars(child.text.slice(1), 3);
      const semantics = [cellsOf[2] ?? "", joinStatements(child.children)].filter((s) => s !== "").join("\n");
      forms.push({ encoding: cellsOf[0], assembly: cellsOf[1] ?? parts[2], semantics, line: child });
    }
    const shared = joinStatements(body);
    const inherited = [parts[3] ?? "", shared].filter((s) => s !== "").join("\n");
    for (const form of forms) {
      const semantics = form.line === line || form.semantics === "" ? inherited : form.semantics;
      if (semantics === "" && parts.length < 4)
        throw new RuleError(
          "RULE_SYNTAX",
          `${parts[0]}: a form says nothing of what it does (lines deeper than a form are its own)`,
        );
      this.book.rows.push({
        name: fill(parts[0], cells),
        encoding: fill(form.encoding, cells),
        assembly: fill(form.assembly, cells),
        semantics: semantics.startsWith("=>") ? fill(semantics, cells) : semantics,
        cells,
        place: this.place(form.line),
        section: this.section,
      });
    }
  }
}

/** Replaces {column} by its cell, in which columns stand too. */
function fill(text: string, cells: ReadonlyMap<string, string>): string {
  if (cells.size === 0) return text;
  return text.replace(/\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (all, name: string) => {
    const cell = cells.get(name);
    return cell === undefined ? all : cell.includes("{") ? fill(cell, cells) : cell;
  });
}

export function words(text: string): string[] {
  return text.split(/[\s,]+/).filter((s) => s !== "");
}

function widths(text: string): number[] {
  return words(text).map((word) => {
    if (!/^i[0-9]+$/.test(word)) throw new RuleError("RULE_SYNTAX", `a type expected, found "${word}"`);
    return Number(word.slice(1));
  });
}

/** The two sides of the first `mark`, trimmed. */
function cut(text: string, mark: string): [string, string] {
  const i = text.indexOf(mark);
  if (i < 0) throw new RuleError("RULE_SYNTAX", `"${mark}" expected in "${text}"`);
  return [text.slice(0, i).trim(), text.slice(i + mark.length).trim()];
}
