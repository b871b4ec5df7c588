/** Where a socket is: a name of AF_UNIX, or an address and port. Bytes of an IPv4 address stand behind ::ffff:. */
export type SocketAddress =
  /** path "": no name; `abstract`: a name that is in no directory. */
  | { readonly family: "unix"; readonly path: string; readonly abstract: boolean }
  | { readonly family: "inet" | "inet6"; readonly ip: Uint8Array; readonly port: number; readonly scope?: number };

export type Family = SocketAddress["family"];
export type IpAddress = Extract<SocketAddress, { family: "inet" | "inet6" }>;

export const NAMELESS: SocketAddress = { family: "unix", path: "", abstract: false };

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255];

export function mapped(a: number, b: number, c: number, d: number): Uint8Array {
  return Uint8Array.of(...MAPPED, a, b, c, d);
}
export const isMapped = (ip: Uint8Array): boolean => MAPPED.every((byte, i) => ip[i] === byte);

/** 0.0.0.0 or ::. */
export function isAny(ip: Uint8Array): boolean {
  const from = isMapped(ip) ? 12 : 0;
  return ip.subarray(from).every((byte) => byte === 0);
}

/** 127.0.0.0/8 or ::1: the sandbox itself. */
export function isLoopback(ip: Uint8Array): boolean {
  if (isMapped(ip)) return ip[12] === 127;
  return ip[15] === 1 && ip.subarray(0, 15).every((byte) => byte === 0);
}

export const sameIp = (a: Uint8Array, b: Uint8Array): boolean => a.every((byte, i) => byte === b[i]);

/** The loopback address of a family: what "any" means as a destination. */
export const loopback = (family: Family, four: boolean): Uint8Array =>
  family === "inet" || four ? mapped(127, 0, 0, 1) : Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

export const anyOf = (family: Family): Uint8Array => (family === "inet" ? mapped(0, 0, 0, 0) : new Uint8Array(16));

/** Text for denials and traces. */
export function ipText(ip: Uint8Array): string {
  if (isMapped(ip)) return ip.subarray(12).join(".");
  const words: string[] = [];
  for (let i = 0; i < 16; i += 2) words.push(((ip[i]! << 8) | ip[i + 1]!).toString(16));
  return words.join(":").replace(/(^|:)0(:0)+(:|$)/, "::");
}

/** An address from its text; null where it is none. A zone ("%eth0") means nothing here. */
export function parseIp(text: string): Uint8Array | null {
  const four = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  if (four) {
    const bytes = four.slice(1).map(Number);
    return bytes.every((byte) => byte < 256) ? mapped(bytes[0]!, bytes[1]!, bytes[2]!, bytes[3]!) : null;
  }
  const [head = "", tail, more] = text.replace(/%.*$/, "").split("::");
  if (more !== undefined || !text.includes(":")) return null;
  const words = (part: string | undefined): number[] =>
    part ? part.split(":").map((w) => Number.parseInt(w, 16)) : [];
  const [first, last] = [words(head), words(tail)];
  const gap = 8 - first.length - last.length;
  if (tail === undefined ? gap !== 0 : gap < 0) return null;
  const all = [...first, ...new Array<number>(gap).fill(0), ...last];
  if (!all.every((word) => word >= 0 && word <= 0xffff)) return null;
  return Uint8Array.from(all.flatMap((word) => [word >> 8, word & 0xff]));
}
