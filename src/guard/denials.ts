import { printable } from "../errors.ts";
import { HostError } from "../host/host.ts";
import type { AuditSink } from "./audit.ts";
import type { Permission } from "./policy.ts";

/** After so many different denials a person reads the audit log instead. */
const MOST_LINES = 16;

/** Refuses, records, and tells a person once which flag would have allowed it. */
export class Denials {
  private readonly audit: AuditSink;
  private readonly warn: (line: string) => void;
  private readonly told = new Set<string>();

  constructor(audit: AuditSink, warn: (line: string) => void) {
    this.audit = audit;
    this.warn = warn;
  }

  /** The error for the guest: EACCES for files and names, EPERM for the net. */
  deny(permission: Permission, target: string): HostError {
    this.audit.record({ kind: "deny", permission, target });
    const key = `${permission} ${target}`;
    if (!this.told.has(key) && this.told.size <= MOST_LINES) {
      this.told.add(key);
      if (this.told.size <= MOST_LINES)
        this.warn(`denied: ${permission} ${printable(target)} (allow it with --allow-${permission}=${quoted(target)})`);
      else this.warn("denied: more (see them all with --audit FILE)");
    }
    return new HostError(permission === "net" ? "EPERM" : "EACCES", `denied: ${permission} ${target}`);
  }
}

/** As a POSIX shell reads it back; control characters only shown. */
function quoted(text: string): string {
  const shown = printable(text);
  return /^[\w./:@%+=-]+$/.test(shown) ? shown : `'${shown.replaceAll("'", "'\\''")}'`;
}
