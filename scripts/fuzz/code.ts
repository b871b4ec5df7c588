import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { interpreterBytes } from "../../src/backend/wasm/interp-module.ts";
import type { IsaParts } from "../../src/engine/create.ts";
import { detect, parseImage } from "../../src/format/detect.ts";
import { isaRulebook } from "../../src/host/node/assets.ts";
import { PROT_EXEC } from "../../src/memory/layout.ts";
import { loadIsaBook } from "../../src/rules/index.ts";
import { type Case, Cases } from "./cases.ts";
import { runCase, type Tally } from "./compare.ts";
import { explain } from "./explain.ts";
import { Subject, type SubjectKind } from "./subject.ts";

const ROOT = join(import.meta.dirname, "../..");
const REFERENCE: SubjectKind = { name: "eval", engine: "eval", exact: true };

/** What `--engine` chooses from. Unchecked regions are compared until the reference faults. */
export const SUBJECTS: Readonly<Record<string, readonly SubjectKind[]>> = {
  eval: [REFERENCE],
  interp: [{ name: "interp", engine: "interp", exact: true }],
  wasm: [{ name: "wasm", engine: "wasm", exact: false, lazy: true }],
};

export function isaParts(isa: string): IsaParts {
  const found = isaRulebook(isa);
  if (!found) throw new Error(`there is no rulebook of ${isa}`);
  const book = loadIsaBook(found.text, found.options);
  return { book, interpreter: new WebAssembly.Module(interpreterBytes(book)) };
}

/** Executable bytes of an ISA's programs: the samples; `more`: files besides, where they are there. */
export function realCode(isa: string, more: readonly string[] = []): Uint8Array[] {
  const samples = join(ROOT, "samples");
  const names = readdirSync(samples).filter((name) => name.endsWith(`-${isa}`));
  const files = [...names.sort().map((name) => join(samples, name)), ...more.filter((file) => existsSync(file))];
  return files.flatMap((file) => {
    const bytes = new Uint8Array(readFileSync(file));
    if (detect(bytes).format !== "elf") return [];
    const image = parseImage(bytes);
    if (image.isa !== isa) return [];
    const code = image.segments.filter((s) => s.prot & PROT_EXEC && s.fileSize > 16);
    return code.map((s) => bytes.subarray(s.fileOffset, s.fileOffset + s.fileSize));
  });
}

export interface Found {
  readonly seed: number;
  readonly engine: string;
  readonly what: string;
}

/** Instruction streams on some engines, many to an address space. */
export class CodeFuzzer {
  readonly tally: Record<string, Tally> = {};
  private readonly parts: IsaParts;
  private readonly cases: Cases;
  private readonly reference: Subject;
  private readonly subjects: Subject[];

  constructor(parts: IsaParts, kinds: readonly SubjectKind[], real: readonly Uint8Array[]) {
    this.parts = parts;
    this.cases = new Cases(parts.book, real);
    this.reference = new Subject(parts, REFERENCE);
    this.subjects = kinds.map((kind) => new Subject(parts, kind));
    for (const { name } of kinds) this.tally[name] = {};
  }

  /** The case of a seed on every engine; what went wrong. */
  one(seed: number): Found[] {
    const of = this.cases.make(seed);
    const found: Found[] = [];
    this.subjects.forEach((subject, i) => {
      const { name } = subject.kind;
      const what = this.judge(of, subject);
      if (what === null) return;
      found.push({ seed, engine: name, what });
      // What has gone wrong once may have left its mark.
      this.subjects[i] = new Subject(this.parts, subject.kind);
    });
    return found;
  }

  private judge(of: Case, subject: Subject): string | null {
    const { book } = this.parts;
    const reference = subject.kind.engine === "eval" ? null : this.reference;
    try {
      const what = runCase(book, of, subject, reference, this.tally[subject.kind.name]);
      subject.checkMemory();
      if (what === null || !reference) return what;
      return `${what}\n${explain(book, of, subject, reference, (kind) => new Subject(this.parts, kind))}`;
    } catch (error) {
      return error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
  }
}
