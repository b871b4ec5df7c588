import { sageError } from "../errors.ts";
import { AuditLog } from "../guard/audit.ts";
import type { Policy } from "../guard/policy.ts";
import { HostError, type HostFile, type HostStat, type RealHost } from "../host/host.ts";
import { version } from "./version.ts";

/** Where a trace goes: the stream stderr (true), or a file of that name, which the guard must keep from the guest. */
export function openTrace(host: RealHost, to: string | true): { line: (text: string) => void; stat?: HostStat } {
  const encoder = new TextEncoder();
  if (to === true) return { line: (text) => void host.stderr.write(encoder.encode(`${text}\n`)) };
  const file = host.fs.open(to, { read: false, write: true, create: true, truncate: true });
  return { line: (text) => writeAll(file, encoder.encode(`${text}\n`)), stat: file.stat() };
}

/** What line 0 of an audit log says of the run. */
export interface AuditStart {
  readonly program: string;
  readonly bytes: Uint8Array;
  readonly args: readonly string[];
  readonly root: string | undefined;
  readonly policy: Policy;
}

/** A new log; an old one of that name is not overwritten, it is evidence. Throws AUDIT_WRITE. */
export function openAudit(host: RealHost, path: string, start: AuditStart): { log: AuditLog; stat: HostStat } {
  const file = create(host, path);
  const encoder = new TextEncoder();
  // Loaded here: it takes 3 ms that a run without a log need not spend
  const { hash } = process.getBuiltinModule("node:crypto");
  const output = {
    write: (line: string) => writeAll(file, encoder.encode(line)),
    sha256: (text: string) => hash("sha256", text),
    now: () => Number(host.realtime() / 1_000_000n),
  };
  const { bytes, policy, ...said } = start;
  const log = new AuditLog(output, { version, ...said, sha256: hash("sha256", bytes), policy: { ...policy } });
  return { log, stat: file.stat() };
}

function create(host: RealHost, path: string): HostFile {
  try {
    return host.fs.open(path, { read: false, write: true, create: true, exclusive: true, mode: 0o600 });
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    const hint = error.code === "EEXIST" ? "name a new file: logs are not overwritten" : undefined;
    throw sageError("AUDIT_WRITE", `--audit ${path}: ${error.code}`, hint);
  }
}

function writeAll(file: HostFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += file.write(bytes.subarray(at), null);
}
