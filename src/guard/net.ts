import type { HostConnection, HostNet } from "../host/host.ts";
import type { AuditSink } from "./audit.ts";
import type { Denials } from "./denials.ts";
import type { Grant } from "./policy.ts";

/** A grant of the net: a name or address, and a port, or any. */
interface Granted {
  readonly host: string;
  readonly port: number | null;
}

/** "name", "name:port", "address", "[address]:port". */
function granted(text: string): Granted {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(text);
  const plain = bracketed ?? /^([^:]+)(?::(\d+))?$/.exec(text);
  if (!plain) return { host: text.toLowerCase(), port: null };
  return { host: plain[1]!.toLowerCase(), port: plain[2] === undefined ? null : Number(plain[2]) };
}

/** Names are told apart without case, and a final dot says nothing. */
const plainName = (name: string): string => name.toLowerCase().replace(/\.$/, "");

/**
 * The host's network under a policy. A program connects to addresses; what it may reach are names or addresses, so a
 * granted name that was looked up here grants what the host answered.
 */
export class GuardedNet implements HostNet {
  private readonly net: HostNet;
  private readonly grants: true | readonly Granted[];
  private readonly audit: AuditSink;
  private readonly denials: Denials;
  /** Names that an address was the answer for. */
  private readonly names = new Map<string, Set<string>>();
  private next = 1;

  constructor(net: HostNet, grant: Grant, audit: AuditSink, denials: Denials) {
    this.net = net;
    this.grants = grant === true ? true : grant.map(granted);
    this.audit = audit;
    this.denials = denials;
  }

  connect(ip: string, port: number): HostConnection {
    const shown = ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
    if (!this.mayConnect(ip, port)) throw this.denials.deny("net", shown);
    const id = this.next++;
    this.audit.record({ kind: "connect", to: shown, connection: id });
    return counted(this.net.connect(ip, port), (totals) =>
      this.audit.record({ kind: "disconnect", connection: id, ...totals }),
    );
  }

  mayConnect(ip: string, port: number): boolean {
    const known = [ip, ...(this.names.get(ip) ?? [])];
    const fits = (grant: Granted): boolean =>
      known.includes(grant.host) && (grant.port === null || grant.port === port);
    return this.grants === true || this.grants.some(fits);
  }

  lookup(name: string): { answer(): readonly string[] | null } {
    const asked = plainName(name);
    const allowed = this.grants === true || this.grants.some(({ host }) => host === asked);
    if (!allowed) throw this.denials.deny("net", asked);
    this.audit.record({ kind: "lookup", name: asked });
    const { answer } = this.net.lookup(asked);
    return {
      answer: () => {
        const found = answer();
        for (const ip of found ?? []) {
          const names = this.names.get(ip) ?? new Set();
          this.names.set(ip, names.add(asked));
        }
        return found;
      },
    };
  }
  changes(): number {
    return this.net.changes();
  }
  flush(): void {
    this.net.flush();
  }
}

/** A connection whose bytes are counted. */
function counted(
  to: HostConnection,
  report: (totals: { readonly read: number; readonly written: number }) => void,
): HostConnection {
  let [read, written] = [0, 0];
  return {
    look: () => to.look(),
    read: (into) => {
      const n = to.read(into);
      read += n;
      return n;
    },
    write: (from) => {
      const n = to.write(from);
      written += n;
      return n;
    },
    shut: () => to.shut(),
    close: () => {
      to.close();
      report({ read, written });
    },
  };
}
