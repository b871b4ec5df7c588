import { type Family, mapped, type SocketAddress } from "../../kernel/net/address.ts";
import type { Credentials } from "../../kernel/net/queue.ts";
import type { AbiBook } from "../abi.ts";
import { decodeText, encodeText } from "../text.ts";

/*
 * Socket addresses and control messages as Linux lays them out (uapi linux/in.h, in6.h, un.h, socket.h). Numbers of
 * families and options are the rulebook's enumerations.
 */

/** sun_path begins here and has at most so many bytes. */
const PATH = 2;
const PATH_SIZE = 108;
const IN_SIZE = 16;
const IN6_SIZE = 28;
/** A control message's length, level and type; data is padded to 8 bytes. */
export const CONTROL_HEADER = 16;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const SCM_CREDENTIALS = 2;

const family = (book: AbiBook, name: string): number => book.encode("af", name);

const FAMILIES: Readonly<Record<Family, string>> = { unix: "AF_UNIX", inet: "AF_INET", inet6: "AF_INET6" };

export function familyNumber(book: AbiBook, of: Family): number {
  return family(book, FAMILIES[of]);
}

/** null: no address of a family that is known, or too short for it. */
export function readAddress(book: AbiBook, bytes: Uint8Array): SocketAddress | null {
  if (bytes.length < 2) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const of = view.getUint16(0, true);
  if (of === family(book, "AF_UNIX")) {
    if (bytes.length > PATH + PATH_SIZE) return null;
    const name = bytes.subarray(PATH);
    if (name.length && name[0] === 0) return { family: "unix", path: decodeText(name.subarray(1)), abstract: true };
    const end = name.indexOf(0);
    return { family: "unix", path: decodeText(end < 0 ? name : name.subarray(0, end)), abstract: false };
  }
  if (of === family(book, "AF_INET") && bytes.length >= IN_SIZE) {
    const ip = mapped(bytes[4]!, bytes[5]!, bytes[6]!, bytes[7]!);
    return { family: "inet", ip, port: view.getUint16(2, false) };
  }
  if (of === family(book, "AF_INET6") && bytes.length >= IN6_SIZE - 4) {
    const scope = bytes.length >= IN6_SIZE ? view.getUint32(24, true) : 0;
    return { family: "inet6", ip: bytes.slice(8, 24), port: view.getUint16(2, false), scope };
  }
  return null;
}

export function writeAddress(book: AbiBook, address: SocketAddress): Uint8Array {
  if (address.family === "unix") {
    const name = encodeText(address.path);
    const size = address.path === "" && !address.abstract ? PATH : PATH + name.length + 1;
    const out = new Uint8Array(size);
    out[0] = family(book, "AF_UNIX");
    out.set(name, address.abstract ? PATH + 1 : PATH);
    return out;
  }
  const four = address.family === "inet";
  const out = new Uint8Array(four ? IN_SIZE : IN6_SIZE);
  const view = new DataView(out.buffer);
  view.setUint16(0, family(book, four ? "AF_INET" : "AF_INET6"), true);
  view.setUint16(2, address.port, false);
  out.set(four ? address.ip.subarray(12) : address.ip, four ? 4 : 8);
  if (!four) view.setUint32(24, address.scope ?? 0, true);
  return out;
}

export const isUnspecified = (bytes: Uint8Array): boolean => bytes[0] === 0 && bytes[1] === 0;

export type Control = { readonly kind: "rights" | "other" | "bad"; readonly data: readonly number[] };

/** The control messages in a buffer. */
export function readControl(bytes: Uint8Array): Control[] {
  const out: Control[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + CONTROL_HEADER <= bytes.length; ) {
    const size = view.getUint32(at, true);
    if (size < CONTROL_HEADER || size > bytes.length - at || view.getUint32(at + 4, true) !== 0)
      return [...out, { kind: "bad", data: [] }];
    const rights = view.getInt32(at + 8, true) === SOL_SOCKET && view.getInt32(at + 12, true) === SCM_RIGHTS;
    const data: number[] = [];
    for (let i = at + CONTROL_HEADER; rights && i + 4 <= at + size; i += 4) data.push(view.getInt32(i, true));
    out.push({ kind: rights ? "rights" : "other", data });
    at += Math.ceil(size / 8) * 8;
  }
  return out;
}

function control(type: number, words: readonly number[]): Uint8Array {
  const size = CONTROL_HEADER + words.length * 4;
  const out = new Uint8Array(Math.ceil(size / 8) * 8);
  const view = new DataView(out.buffer);
  view.setUint32(0, size, true);
  view.setInt32(8, SOL_SOCKET, true);
  view.setInt32(12, type, true);
  for (const [i, word] of words.entries()) view.setInt32(CONTROL_HEADER + i * 4, word, true);
  return out;
}
export const rightsMessage = (numbers: readonly number[]): Uint8Array => control(SCM_RIGHTS, numbers);
export const credentialsMessage = ({ pid, uid, gid }: Credentials): Uint8Array =>
  control(SCM_CREDENTIALS, [pid, uid, gid]);
