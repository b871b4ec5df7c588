import { AbiBook, type Machine, type SignalRow } from "./abi.ts";
import { CallRow, rowText } from "./row.ts";

/** Reads an OS rulebook's text. Throws AbiError, one line "file:line: what". */
export function parseAbi(text: string, file: string): AbiBook {
  const book = new AbiBook(file);
  let tables: readonly string[] = [];
  let call: CallRow | undefined;
  for (const { line, head, more } of statements(text)) {
    if (/^[\d-]/.test(head)) {
      call = callRow(book, tables, head, line);
      for (const row of more) operationRow(book, call, row.text, row.line);
      continue;
    }
    const space = head.search(/\s/);
    const word = space < 0 ? head : head.slice(0, space);
    const rest = [space < 0 ? "" : head.slice(space).trim(), ...more.map((row) => row.text)].join(" ").trim();
    if (word === "calls") {
      tables = rest.split(/\s+/);
      for (const table of tables) if (!book.calls.has(table)) book.calls.set(table, new Map());
    } else declaration(book, word, rest, line);
  }
  return book;
}

interface Line {
  readonly text: string;
  readonly line: number;
}

/** Lines without comments; indented ones belong to the line before that is not. */
function* statements(text: string): Generator<{ head: string; line: number; more: Line[] }> {
  let open: { head: string; line: number; more: Line[] } | undefined;
  let line = 0;
  for (const raw of text.split("\n")) {
    line++;
    const trimmed = raw.trim();
    if (!trimmed || trimmed.startsWith("#")) continue;
    if (/^\s/.test(raw) && open) open.more.push({ text: trimmed, line });
    else {
      if (open) yield open;
      open = { head: trimmed, line, more: [] };
    }
  }
  if (open) yield open;
}

function callRow(book: AbiBook, tables: readonly string[], text: string, line: number): CallRow {
  const cells = split(text);
  if (cells.length !== 5) throw book.fail(line, "a call is NUMBERS | NAME | ARGUMENTS | HANDLER | STATUS");
  const numbers = cells[0]!.split(/\s+/);
  if (numbers.length !== tables.length) throw book.fail(line, `${tables.length} numbers are due: ${tables.join(" ")}`);
  const row = new CallRow(rowText(Number(numbers.find((n) => n !== "-")), cells.slice(1), line, book), book);
  for (const [i, n] of numbers.entries()) {
    if (n === "-") continue;
    const table = book.calls.get(tables[i]!)!;
    const number = integer(book, n, line);
    if (table.has(number)) throw book.fail(line, `number ${n} is taken by ${table.get(number)!.name}`);
    table.set(number, row);
  }
  return row;
}

function operationRow(book: AbiBook, call: CallRow, text: string, line: number): void {
  const cells = split(text);
  if (cells.length !== 5) throw book.fail(line, "an operation is NUMBER | NAME | ARGUMENTS | HANDLER | STATUS");
  if (!call.by) throw book.fail(line, `${call.name} does not say by which argument its operations are chosen`);
  const number = integer(book, cells[0]!, line);
  if (call.operations.has(number)) throw book.fail(line, `operation ${cells[0]} of ${call.name} is there twice`);
  call.operations.set(number, new CallRow(rowText(number, cells.slice(1), line, book), book));
}

function split(text: string): string[] {
  return text.split("|").map((cell) => cell.trim());
}

function integer(book: AbiBook, text: string, line: number): number {
  const n = text.startsWith("-") ? -Number(text.slice(1)) : Number(text);
  if (!text || !Number.isInteger(n)) throw book.fail(line, `"${text}" is not a whole number`);
  return n;
}

function declaration(book: AbiBook, word: string, rest: string, line: number): void {
  const words = rest.split(/\s+/);
  const number = (at: number): number => integer(book, words[at] ?? "", line);
  switch (word) {
    case "os":
      book.os = rest;
      return;
    case "release":
      book.release = rest;
      return;
    case "version":
      book.version = rest;
      return;
    case "abi":
      machine(book, words, line);
      return;
    case "cpuinfo":
      book.cpuinfo.set(words[0]!, processor(rest.slice(words[0]!.length)));
      return;
    case "error":
      book.addError({ name: words[0]!, number: number(1), text: words.slice(2).join(" ") });
      return;
    case "signal":
      book.addSignal({ name: words[0]!, number: number(1), action: action(book, words[2], line) });
      return;
    case "fault": {
      const signal = book.signalNumbers.get(words[1] ?? "");
      if (signal === undefined) throw book.fail(line, `there is no signal ${words[1]}`);
      book.faults.set(words[0]!, { signal, code: number(2) });
      return;
    }
    case "flags":
    case "enum":
      book.addSet(words[0]!, word, pairs(book, words.slice(1), line));
      return;
    case "const":
      book.constants.set(words[0]!, number(1));
      return;
    case "numbers":
      numbers(book, words, line);
      return;
    case "struct":
      book.declare(words[0]!, words.slice(1).join(" "), line);
      return;
    case "frame":
      frame(book, words, line);
      return;
    default:
      throw book.fail(line, `"${word}" begins no kind of row`);
  }
}

/** Gives calls that stand above their numbers in another table: TABLE NAME NUMBER ..., or TABLE from OTHER for all of them. */
function numbers(book: AbiBook, [name = "", ...words]: readonly string[], line: number): void {
  const rows = new Map([...book.calls.values()].flatMap((calls) => [...calls.values()].map((row) => [row.name, row])));
  let table = book.calls.get(name);
  if (!table) book.calls.set(name, (table = new Map()));
  if (words[0] === "from") {
    const others = book.calls.get(words[1] ?? "");
    if (!others) throw book.fail(line, `there is no table ${words[1]} above`);
    for (const [number, row] of others) table.set(number, row);
    return;
  }
  for (const [call, number] of pairs(book, words, line)) {
    const row = rows.get(call);
    if (!row) throw book.fail(line, `there is no call ${call} above`);
    if (table.has(number)) throw book.fail(line, `number ${number} is taken by ${table.get(number)!.name}`);
    table.set(number, row);
  }
}

function action(book: AbiBook, text: string | undefined, line: number): SignalRow["action"] {
  const known = (["terminate", "core", "ignore", "stop", "continue"] as const).find((name) => name === text);
  if (!known) throw book.fail(line, `"${text}" is not what a signal can do`);
  return known;
}

function pairs(book: AbiBook, words: readonly string[], line: number): [string, number][] {
  const out: [string, number][] = [];
  for (let i = 0; i < words.length; i += 2) out.push([words[i]!, integer(book, words[i + 1] ?? "", line)]);
  return out;
}

function settings(words: readonly string[]): Map<string, string> {
  return new Map(
    words.filter((w) => w.includes("=")).map((w) => [w.slice(0, w.indexOf("=")), w.slice(w.indexOf("=") + 1)]),
  );
}

function machine(book: AbiBook, words: readonly string[], line: number): void {
  const at = settings(words);
  const need = (name: string): string => {
    const value = at.get(name);
    if (value === undefined) throw book.fail(line, `abi ${words[0]} lacks ${name}=`);
    return value;
  };
  const isa = words[0]!;
  const row: Machine = {
    isa,
    table: need("table"),
    number: need("number"),
    args: need("args").split(","),
    result: need("result"),
    stack: need("stack"),
    thread: need("thread"),
    bases: at.get("bases")?.split(",") ?? [],
    return: need("return"),
    handler: need("handler").split(","),
    machine: need("machine"),
    platform: at.get("platform") ?? "",
    hwcap: integer(book, need("hwcap"), line),
    page: integer(book, need("page"), line),
    tick: integer(book, need("tick"), line),
    callSize: Number(at.get("callsize") ?? 4),
    trampoline: Uint8Array.from(need("trampoline").match(/../g) ?? [], (hex) => Number.parseInt(hex, 16)),
  };
  book.machines.set(isa, row);
}

/** Columns of /proc/cpuinfo: names fill up with tabs to here. */
const NAME_COLUMN = 16;
const TAB = 8;

/** A processor as /proc/cpuinfo tells of it: "| NAME: VALUE" each. */
function processor(text: string): string {
  const lines = split(text)
    .filter((cell) => cell !== "")
    .map((cell) => {
      const at = cell.indexOf(":");
      const name = cell.slice(0, at);
      const tabs = Math.ceil((NAME_COLUMN - name.length) / TAB);
      return `${name}${"\t".repeat(Math.max(0, tabs))}:${cell.slice(at + 1)}\n`;
    });
  return `${lines.join("")}\n`;
}

function frame(book: AbiBook, words: readonly string[], line: number): void {
  const at = settings(words);
  const value = (name: string): number => integer(book, at.get(name) ?? "", line);
  let offset = value("registers");
  const registers = words.slice(1).filter((w) => !/^\w+=/.test(w));
  const rows = registers.map((word) => {
    const [names = "", size = "8"] = word.split(":");
    const all = names.split("+");
    const known = (mark: string): number => {
      const part = all.find((p) => p.startsWith(mark));
      return part === undefined ? -1 : integer(book, part.slice(1), line);
    };
    const parts = all
      .filter((part) => !/^[=@]/.test(part))
      .map((part) => {
        const [name = "", shift = "0"] = part.split("<<");
        return { name, shift: Number(shift) };
      });
    const row = { parts, offset, size: Number(size), value: Math.max(0, known("=")), place: known("@") };
    offset += row.size;
    return row;
  });
  const optional = (name: string): number => (at.has(name) ? value(name) : 0);
  book.frames.set(words[0]!, {
    size: value("size"),
    context: value("context"),
    info: optional("info"),
    layout: at.get("layout") ?? "ucontext",
    below: optional("below"),
    skew: optional("skew"),
    popped: optional("popped"),
    clear: at.get("clear")?.split(",") ?? [],
    registers: rows,
  });
}
