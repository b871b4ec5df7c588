import type { AuditSink } from "./guard/audit.ts";
import type { GuardedHost } from "./guard/guard.ts";
import type { SnapshotTime } from "./os/run.ts";

export const engines = ["auto", "interp", "wasm", "llvm"] as const;
export type EngineName = (typeof engines)[number];

/** What one run is to be: the command line read and checked, the guard in place, the program's bytes in hand. */
export interface RunOptions {
  /** Every effect of the guest goes through here; already under the policy and recorded. */
  readonly host: GuardedHost;
  readonly audit: AuditSink;
  /** The program's path as the guest knows it: as typed, or absolute inside `root`. */
  readonly program: string;
  /** Its file on the host, links resolved. */
  readonly file: string;
  readonly bytes: Uint8Array;
  /** argv[1] and on; argv[0] is `program`. */
  readonly args: readonly string[];
  /** Host directory that is the guest's "/": readable through `host`, writes belong in an overlay that is dropped. */
  readonly root: string | undefined;
  readonly engine: EngineName;
  /** "learned" or a rulebook file. */
  readonly rules: string | undefined;
  /** Takes one line without its end, for each syscall. */
  readonly trace: ((line: string) => void) | undefined;
  readonly stats: "text" | "json" | undefined;
  /** Takes one line for the person: notes, the reason of a death, stats. */
  readonly tell: (line: string) => void;
  /** Most bytes the guest may map. */
  readonly memory: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly fuel: number | undefined;
  readonly strict: boolean;
  /** The run is to end with a snapshot. */
  readonly snapshot?: SnapshotWish | undefined;
}

export interface SnapshotWish {
  readonly due: SnapshotTime;
  /** This SAGE. */
  readonly version: string;
  readonly save: (bytes: Uint8Array) => void;
}

/** A program that goes on from a snapshot. */
export type ResumeOptions = Omit<RunOptions, "program" | "file" | "bytes" | "args" | "rules">;
