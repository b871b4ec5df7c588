/**
 * The audit log: JSON lines, each sealed and chained to the one before.
 *
 *     {"seq":4,"time":"2026-01-31T12:00:00.000Z","event":{"kind":"open",...},"prev":"HASH OF LINE 3","hash":"..."}
 *
 * `hash` is SHA-256 over the line's text before `,"hash"`. Line 0 is the start (program, its hash, policy, version), the
 * last one the end with the number of lines, so that a changed, missing or cut line shows. Every line is written at
 * once: a crash loses nothing.
 */

export type Json = string | number | boolean | null | undefined | readonly Json[] | { readonly [key: string]: Json };

/** One thing that happened. `kind` says what; the rest is its detail. */
export interface AuditEvent {
  readonly kind: string;
  readonly [key: string]: Json;
}

/** Where events go. The kernel records what it does itself (unknown syscalls, exec, exit) to the same sink as the guard. */
export interface AuditSink {
  record(event: AuditEvent): void;
}

export const noAudit: AuditSink = { record: () => {} };

/** The hash that line 0 names as the one before it. */
export const firstHash = "0".repeat(64);
/** Separates what a line's hash covers from the hash. */
export const seal = ',"hash":"';

/** What the log needs of the outside. `sha256` gives 64 hex digits of the text's UTF-8 bytes. */
export interface AuditOutput {
  write(line: string): void;
  sha256(text: string): string;
  /** Milliseconds since the epoch. */
  now(): number;
}

export class AuditLog implements AuditSink {
  private readonly output: AuditOutput;
  private prev = firstHash;
  private seq = 0;
  private ended = false;

  constructor(output: AuditOutput, start: { readonly [key: string]: Json }) {
    this.output = output;
    this.record({ ...start, kind: "start" });
  }

  record(event: AuditEvent): void {
    if (this.ended) return;
    const time = new Date(this.output.now()).toISOString();
    const line = JSON.stringify({ seq: this.seq++, time, event, prev: this.prev });
    const body = line.slice(0, -1);
    this.prev = this.output.sha256(body);
    this.output.write(`${body}${seal}${this.prev}"}\n`);
  }

  /** Writes the last line; later events are dropped. */
  end(detail: { readonly [key: string]: Json }): void {
    this.record({ ...detail, kind: "end", lines: this.seq + 1 });
    this.ended = true;
  }
}
