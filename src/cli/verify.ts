import { renameSync, writeFileSync } from "node:fs";
import { evidenceFor, evidenceOf, mergeEvidence } from "../agent/verifier/evidence.ts";
import { coverage } from "../agent/verifier/random-words.ts";
import { effortFor, type RowVerdict, type Verdict, verifyBook } from "../agent/verifier/verdict.ts";
import { sageError } from "../errors.ts";
import { openOracle } from "../oracle/node/open.ts";
import { type Oracle, OracleError } from "../oracle/oracle.ts";
import type { IsaBook, Row } from "../rules/book.ts";
import type { Evidence } from "../rules/evidence.ts";
import type { Arguments } from "./args.ts";
import { type BookText, evidenceFile, findBook, listBooks, loadBook, readBookEvidence } from "./books.ts";
import type { Command, Io } from "./command.ts";
import { parseAmount } from "./units.ts";

export const command: Command = {
  spec: {
    operands: "ISA|FILE [ROW...]",
    least: 1,
    most: 64,
    options: [
      {
        name: "oracle",
        value: "O",
        help: "what to compare with: host, qemu, gdb:HOST:PORT (default: the CPU, else qemu)",
      },
      { name: "cases", value: "N", help: "states a row (default: as the oracle's speed allows)" },
      {
        name: "random",
        value: "N",
        help: "instead: N random words that the oracle executes; how many are known, and right",
      },
      { name: "seed", value: "N", help: "another seed gives other states (default 1)" },
      {
        name: "continue",
        help: "leave out rows whose evidence has that many states already; keep each verdict as it comes",
      },
      { name: "save", help: "keep the verdicts beside the rulebook, as evidence" },
      { name: "json", help: "print it as JSON" },
    ],
    about: "Runs a rulebook's rows beside something that executes them, and says which hold.",
    examples: [
      ["verify riscv64", "every row against qemu"],
      ["verify x86_64 add --cases 100000", "one row against this computer's CPU"],
      ["verify learned.rules --oracle gdb:localhost:1234 --random 1000 --json", "how much of a machine a book knows"],
    ],
  },
  async run(args, io) {
    const [what, ...names] = args.operands;
    const file = bookOf(what!, io);
    const book = loadBook(file);
    const number = (name: string): number | undefined => {
      const text = args.text(name);
      return text === undefined ? undefined : parseAmount(`--${name}`, text, true);
    };
    const seed = number("seed") ?? 1;
    const oracle = await asSage(openOracle(args.text("oracle"), book.name));
    try {
      const words = number("random");
      if (words !== undefined) return await asSage(random(oracle, book, words, seed, args, io));
      return await asSage(rows(oracle, file, book, names, number("cases"), seed, args, io));
    } finally {
      await oracle.close();
    }
  },
};

/** A shipped book by its ISA, or a file. */
function bookOf(what: string, io: Io): BookText {
  const file = what.includes("/") || what.endsWith(".rules");
  if (!file && listBooks().some((b) => b.isa === what)) return findBook(what, undefined, io);
  return findBook(what, file ? what : undefined, io);
}

/** Errors of oracles as those of the command line. */
async function asSage<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof OracleError) throw sageError(error.code, error.message);
    throw error;
  }
}

async function random(
  oracle: Oracle,
  book: IsaBook,
  words: number,
  seed: number,
  args: Arguments,
  io: Io,
): Promise<number> {
  const missed = new Map<string, number>();
  const result = await coverage(oracle, book, {
    words,
    seed,
    missed: (_, why) => void missed.set(why, (missed.get(why) ?? 0) + 1),
    progress: (done) => progress(io, `${done} of ${words} words`),
  });
  progress(io, "");
  if (args.has("json")) io.print(`${JSON.stringify(result)}\n`);
  else {
    const share = (n: number): string => `${result.executed === 0 ? 0 : ((100 * n) / result.executed).toFixed(2)} %`;
    io.print(
      `${result.executed} words executed by ${oracle.name}\n${result.decoded} decoded (${share(result.decoded)})\n${result.matched} matched (${share(result.matched)})\n`,
    );
    for (const [why, n] of [...missed].sort((a, b) => b[1] - a[1]).slice(0, 20)) io.print(`  ${n} x ${why}\n`);
  }
  return 0;
}

async function rows(
  oracle: Oracle,
  file: BookText,
  book: IsaBook,
  names: readonly string[],
  cases: number | undefined,
  seed: number,
  args: Arguments,
  io: Io,
): Promise<number> {
  const effort = effortFor(oracle, cases, seed);
  const goesOn = args.has("continue");
  const had = evidenceFor(book, goesOn ? readBookEvidence(file) : []);
  const enough = (row: Row): boolean => {
    const e = had.get(row);
    const asked = e?.facts.get("of") ?? e?.words[0];
    return e?.verdict === "tested" && Number(asked) >= effort.cases && e.facts.get("oracle") === oracle.name;
  };
  const wanted = (names.length === 0 ? book.rows : book.rows.filter((r) => names.includes(r.name))).filter(
    (r) => !enough(r),
  );
  const missing = names.find((n) => !book.rows.some((r) => r.name === n));
  if (missing !== undefined) throw sageError("ROW_UNKNOWN", `${book.name} has no row ${missing}`);
  const json = args.has("json");
  const counts = { proved: 0, tested: 0, refuted: 0, unknown: 0 };
  const all: unknown[] = [];
  const fresh: Evidence[] = [];
  let done = 0;
  for await (const { row, verdict } of verifyBook(oracle, book, wanted, effort)) {
    counts[verdict.k]++;
    done++;
    if (json) all.push(asJson({ row, verdict }));
    fresh.push(evidenceOf(book, { row, verdict }, "hand"));
    if (goesOn && done % KEEP === 0) save(file, book, fresh);
    progress(io, `${done} of ${wanted.length} rows, ${row.name}`);
    if (json || (verdict.k === "tested" && names.length === 0)) continue;
    progress(io, "");
    io.print(`${row.name.padEnd(16)} ${describe(verdict)}\n`);
  }
  progress(io, "");
  if (goesOn || args.has("save")) save(file, book, fresh);
  if (json) io.print(`${JSON.stringify({ isa: book.name, oracle: oracle.name, ...counts, rows: all }, null, 1)}\n`);
  else
    io.print(
      `${wanted.length} rows of ${book.name} against ${oracle.name}: ${counts.tested} tested, ${counts.refuted} refuted, ${counts.unknown} unknown\n`,
    );
  return counts.refuted > 0 ? 1 : 0;
}

/** Rows between two times that a run which can be continued keeps what it has. */
const KEEP = 25;

/** Evidence is replaced in one step, and only when all rows were compared: an oracle that fails changes nothing. */
function save(file: BookText, book: IsaBook, fresh: readonly Evidence[]): void {
  const path = evidenceFile(file);
  if (path === undefined) throw sageError("FILE_NOT_FOUND", "there is no place for evidence");
  const known = readBookEvidence(file);
  // What was learned stays learned
  const origins = new Map(known.map((e) => [e.hash, e.origin]));
  const text = mergeEvidence(
    book,
    known,
    fresh.map((e) => ({ ...e, origin: origins.get(e.hash) ?? e.origin })),
  );
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

function describe(v: Verdict): string {
  switch (v.k) {
    case "proved":
      return `proved by ${v.by}`;
    case "tested":
      return `tested on ${v.cases} states of ${v.words} instructions${v.unseen.length ? `, without ${v.unseen.join(" ")}` : ""}`;
    case "refuted": {
      const c = v.counterexample;
      const before = Object.entries(c.before).map(([name, value]) => `${name}=${value}`);
      return `refuted: ${c.text} (${c.bytes} at ${c.at}) with ${before.join(" ")}: ${c.what} is ${c.observed}, the row says ${c.expected}`;
    }
    case "unknown":
      return `unknown: ${v.why}`;
  }
}

export function asJson({ row, verdict: v }: RowVerdict): Record<string, unknown> {
  const base = { name: row.name, hash: row.hash, verdict: v.k };
  if (v.k === "tested")
    return {
      ...base,
      cases: v.cases,
      words: v.words,
      oracle: v.oracle,
      ...(v.unseen.length ? { unseen: v.unseen } : {}),
    };
  if (v.k === "refuted")
    return { ...base, cases: v.cases, oracle: v.oracle, reason: describe(v), counterexample: v.counterexample };
  return v.k === "proved" ? { ...base, oracle: v.by } : { ...base, reason: v.why };
}

/** One line on stderr that overwrites itself, where a person looks on. */
function progress(io: Io, text: string): void {
  if (!process.stderr.isTTY) return;
  void io.host.stderr.write(new TextEncoder().encode(`\r\x1b[K${text}`));
}
