import { sageError } from "../../errors.ts";
import type { Json, Written } from "./graph.ts";

/*
 * A snapshot as a file: magic, version, a checksum of all that follows, size of the rest when unpacked, and that rest,
 * deflated: length of the text, the text (JSON), the bytes it refers to.
 */

const MAGIC = "SAGESNAP";
const VERSION = 1;
const CHECKSUM = 32;
const AT = { version: 8, checksum: 12, size: 12 + CHECKSUM, rest: 20 + CHECKSUM } as const;
/** More than any sandbox may have in memory and files. */
const MOST = 0x200000000;

/** What compresses and checks: the platform's. */
export interface Packing {
  deflate(bytes: Uint8Array): Uint8Array;
  /** Throws where the bytes are none, or become more than `most`. */
  inflate(bytes: Uint8Array, most: number): Uint8Array;
  /** 32 bytes. */
  sha256(bytes: Uint8Array): Uint8Array;
}

/** What must be known before the rest can be read. */
export interface SnapshotHeader {
  /** The SAGE that wrote it: the fields of the kernel's objects are its own. */
  readonly sage: string;
  /** ISA of the first program. */
  readonly isa: string;
  /** Number of the first process. */
  readonly pid: number;
  /** It ran with --root; of that directory, only the files that it changed are in here. */
  readonly root: boolean;
  /** Bytes of memory that it may have, where they were limited. */
  readonly memory: number | null;
  /** The monotonic clock, nanoseconds. */
  readonly monotonic: string;
}

export interface Snapshot {
  readonly header: SnapshotHeader;
  readonly root: Json;
  readonly nodes: readonly Json[];
  readonly bytes: Uint8Array;
}

export function packSnapshot(header: SnapshotHeader, { root, nodes, bytes }: Written, packing: Packing): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify({ header, root, nodes }));
  const size = 4 + text.length + bytes.reduce((sum, part) => sum + part.length, 0);
  const whole = new Uint8Array(size);
  new DataView(whole.buffer).setUint32(0, text.length, true);
  whole.set(text, 4);
  let at = 4 + text.length;
  for (const part of bytes) {
    whole.set(part, at);
    at += part.length;
  }
  const rest = packing.deflate(whole);
  const file = new Uint8Array(AT.rest + rest.length);
  const view = new DataView(file.buffer);
  file.set(new TextEncoder().encode(MAGIC));
  view.setUint32(AT.version, VERSION, true);
  view.setBigUint64(AT.size, BigInt(size), true);
  file.set(rest, AT.rest);
  file.set(packing.sha256(file.subarray(AT.size)), AT.checksum);
  return file;
}

/** Throws SageError SNAPSHOT_BAD, SNAPSHOT_VERSION. */
export function openSnapshot(file: Uint8Array, name: string, sage: string, packing: Packing): Snapshot {
  const bad = (what: string): never => {
    throw sageError("SNAPSHOT_BAD", `${name}: ${what}`);
  };
  if (new TextDecoder("latin1").decode(file.subarray(0, MAGIC.length)) !== MAGIC) bad("this is no snapshot");
  if (file.length < AT.rest) bad("the file is cut off");
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const version = view.getUint32(AT.version, true);
  if (version !== VERSION) throw sageError("SNAPSHOT_VERSION", `${name} has version ${version}, not ${VERSION}`);
  const sum = packing.sha256(file.subarray(AT.size));
  if (!sum.every((byte, i) => byte === file[AT.checksum + i])) bad("the checksum is not that of its content");
  const size = Number(view.getBigUint64(AT.size, true));
  if (size > MOST) bad("it says that it is larger than any sandbox");
  let whole = new Uint8Array(0);
  try {
    whole = Uint8Array.from(packing.inflate(file.subarray(AT.rest), size));
  } catch {
    bad("it does not unpack");
  }
  if (whole.length !== size || size < 4) bad("it does not unpack to its size");
  const length = new DataView(whole.buffer).getUint32(0, true);
  const read = parsed(new TextDecoder().decode(whole.subarray(4, 4 + length)));
  if (!read) return bad("it does not hold what a snapshot holds");
  if (read.header.sage !== sage)
    throw sageError("SNAPSHOT_VERSION", `${name} was saved by SAGE ${read.header.sage}, this is ${sage}`);
  return { ...read, bytes: whole.subarray(4 + length) };
}

function parsed(text: string): Omit<Snapshot, "bytes"> | null {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return null;
  }
  const { header, root, nodes } = (read ?? {}) as Partial<Record<keyof Snapshot, unknown>>;
  return isHeader(header) && root !== undefined && Array.isArray(nodes)
    ? { header, root: root as Json, nodes: nodes as readonly Json[] }
    : null;
}

function isHeader(header: unknown): header is SnapshotHeader {
  const h = (header ?? {}) as Record<string, unknown>;
  return (
    typeof h.sage === "string" &&
    typeof h.isa === "string" &&
    typeof h.pid === "number" &&
    typeof h.root === "boolean" &&
    (h.memory === null || typeof h.memory === "number") &&
    typeof h.monotonic === "string" &&
    /^\d+$/.test(h.monotonic)
  );
}
