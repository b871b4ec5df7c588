import type { FileType, Host, HostStat, HostStream, RealHost } from "../host/host.ts";
import { type AuditSink, noAudit } from "./audit.ts";
import { Denials } from "./denials.ts";
import { GuardedFs } from "./fs.ts";
import { GuardedNet } from "./net.ts";
import { filterEnv, type Policy } from "./policy.ts";

/** What a guest without -A learns as the machine's name. */
const HOSTNAME = "sage";

/** A host whose every effect is checked against a policy and recorded. */
export interface GuardedHost extends Host {
  /** Records totals of what is still open; call it once, at the end of the run. */
  settle(): void;
}

export interface GuardOptions {
  readonly audit?: AuditSink;
  /** Takes one line for each different denial; the host's stderr where it is not given. */
  readonly warn?: (line: string) => void;
  /** Files that no grant makes writable: the audit log and the like. */
  readonly keep?: readonly HostStat[];
}

/**
 * Wraps a host. Denied effects throw HostError EACCES or EPERM. The standard streams, clocks and random numbers are free.
 */
export function guard(host: RealHost, policy: Policy, options: GuardOptions = {}): GuardedHost {
  const toStderr = (line: string) => void host.stderr.write(new TextEncoder().encode(`sage: ${line}\n`));
  const { audit = noAudit, warn = toStderr, keep = [] } = options;
  const denials = new Denials(audit, warn);
  const fs = new GuardedFs(host.fs, { cwd: host.cwd, policy, audit, denials, keep });
  const streams = { stdin: counted(host.stdin), stdout: counted(host.stdout), stderr: counted(host.stderr) };
  const net = host.net && new GuardedNet(host.net, policy.net, audit, denials);
  const env = filterEnv(host.env, policy.env);
  audit.record({ kind: "env", names: Object.keys(env) });
  return {
    fs,
    net,
    ...streams,
    realtime: () => host.realtime(),
    monotonic: () => host.monotonic(),
    cpuTime: () => host.cpuTime(),
    random: (into) => host.random(into),
    sleep: (milliseconds) => host.sleep(milliseconds),
    env,
    cwd: host.cwd,
    get hostname() {
      return policy.everything ? host.hostname : HOSTNAME;
    },
    settle() {
      fs.settle();
      net?.flush();
      for (const [stream, { bytes }] of Object.entries(streams))
        if (bytes) audit.record({ kind: "stream", stream, bytes });
    },
  };
}

/** A stream that counts its bytes. */
class CountedStream implements HostStream {
  bytes = 0;
  private readonly stream: HostStream;
  constructor(stream: HostStream) {
    this.stream = stream;
  }
  get isTerminal(): boolean {
    return this.stream.isTerminal;
  }
  get type(): FileType {
    return this.stream.type;
  }
  read(into: Uint8Array): number {
    const count = this.stream.read(into);
    this.bytes += count;
    return count;
  }
  write(from: Uint8Array): number {
    const count = this.stream.write(from);
    this.bytes += count;
    return count;
  }
  windowSize(): { rows: number; columns: number } | null {
    return this.stream.windowSize();
  }
  readable(): boolean {
    return this.stream.readable();
  }
  setRaw(on: boolean): void {
    this.stream.setRaw?.(on);
  }
}

function counted(stream: HostStream): CountedStream {
  return new CountedStream(stream);
}
