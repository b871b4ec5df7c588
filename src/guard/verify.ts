import { type AuditOutput, firstHash, seal } from "./audit.ts";

/** What became of a log. `line` counts from 1, as editors do. */
export type AuditVerdict =
  | { readonly ok: true; readonly lines: number; readonly head: string }
  | { readonly ok: false; readonly line: number; readonly why: string };

interface SealedLine {
  readonly seq: number;
  readonly prev: string;
  readonly hash: string;
  readonly kind: string;
  readonly lines: number | undefined;
}

/**
 * Checks a log's chain. Finds a changed line, missing or reordered lines, and a missing end. A chain has no secret: who
 * rewrites every line after a change makes a sound log, unless its last hash (`head`) was kept elsewhere.
 */
export function verifyAudit(text: string, sha256: AuditOutput["sha256"]): AuditVerdict {
  const fail = (line: number, why: string): AuditVerdict => ({ ok: false, line, why });
  if (text === "") return fail(1, "the log is empty");
  const lines = text.split("\n");
  const cut = lines.pop() !== "";
  let prev = firstHash;
  let last: SealedLine | undefined;
  for (const [index, line] of lines.entries()) {
    const at = index + 1;
    const read = readLine(line, sha256);
    if (typeof read === "string") return fail(at, read);
    if (last?.kind === "end") return fail(at, "stands after the end of the log");
    if (read.seq !== index)
      return fail(at, read.seq > index ? missing(index, read.seq) : `repeats or reorders line ${read.seq + 1}`);
    if (read.prev !== prev) return fail(at, "does not follow the line before it, which was replaced");
    if (index === 0 && read.kind !== "start") return fail(at, "is not the start of a log");
    prev = read.hash;
    last = read;
  }
  if (cut) return fail(lines.length + 1, "is cut off: the log was truncated");
  if (last?.kind !== "end")
    return fail(lines.length + 1, "is missing: the log has no end, it was truncated or the run was killed");
  if (last.lines !== lines.length)
    return fail(lines.length, `says the log has ${last.lines} lines, it has ${lines.length}`);
  return { ok: true, lines: lines.length, head: prev };
}

function missing(from: number, to: number): string {
  return to - from === 1 ? `line ${from + 1} is missing before it` : `lines ${from + 1} to ${to} are missing before it`;
}

/** A line's fields, or why it is not what was written. */
function readLine(line: string, sha256: AuditOutput["sha256"]): SealedLine | string {
  const split = line.lastIndexOf(seal);
  if (split < 0) return "has no hash: it was changed";
  const hash = line.slice(split + seal.length, -2);
  if (line.slice(-2) !== '"}' || sha256(line.slice(0, split)) !== hash) return "was changed: its hash does not match";
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return "is not JSON";
  }
  const { seq, prev, event } = fields(json);
  const { kind, lines } = fields(event);
  if (typeof seq !== "number" || typeof prev !== "string" || typeof kind !== "string") return "is not an audit line";
  return { seq, prev, hash, kind, lines: typeof lines === "number" ? lines : undefined };
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}
