import { sageError } from "../errors.ts";

/** A tensor of 32-bit floats or integers. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}
export interface TensorFile {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The safetensors format: length of a JSON header (u64, little-endian), the header, the tensors' bytes. */
export function writeTensors(file: TensorFile): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: file.metadata };
  let at = 0;
  for (const [name, { shape, data }] of file.tensors) {
    header[name] = {
      dtype: data instanceof Float32Array ? "F32" : "I32",
      shape,
      data_offsets: [at, at + data.byteLength],
    };
    at += data.byteLength;
  }
  let text = JSON.stringify(header);
  // The tensors begin at a multiple of eight bytes
  let json = new TextEncoder().encode(text);
  text += " ".repeat((8 - (json.length % 8)) % 8);
  json = new TextEncoder().encode(text);
  const out = new Uint8Array(8 + json.length + at);
  new DataView(out.buffer).setBigUint64(0, BigInt(json.length), true);
  out.set(json, 8);
  let to = 8 + json.length;
  for (const { data } of file.tensors.values()) {
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), to);
    to += data.byteLength;
  }
  return out;
}

/** Throws MODEL_BAD where the bytes are no such file, or not a whole one. */
export function readTensors(bytes: Uint8Array, name: string): TensorFile {
  const bad = (why: string): Error => sageError("MODEL_BAD", `${name}: ${why}`);
  if (bytes.length < 8) throw bad("it is cut");
  const size = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  if (size > bytes.length - 8) throw bad("it is cut, or no safetensors file");
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + size)));
  } catch {
    throw bad("its header is no JSON");
  }
  if (typeof header !== "object" || header === null) throw bad("its header is no object");
  const tensors = new Map<string, Tensor>();
  let metadata: Record<string, string> = {};
  const base = 8 + size;
  for (const [key, value] of Object.entries(header as Record<string, unknown>)) {
    if (key === "__metadata__") {
      metadata = Object.fromEntries(Object.entries(value as object).map(([k, v]) => [k, String(v)]));
      continue;
    }
    const entry = value as { dtype?: unknown; shape?: unknown; data_offsets?: unknown };
    const { dtype, shape, data_offsets: offsets } = entry;
    if (!isNumbers(shape) || !isNumbers(offsets) || offsets.length !== 2) throw bad(`${key} is not described`);
    const [from, to] = offsets as [number, number];
    const count = shape.reduce((a, b) => a * b, 1);
    if (dtype !== "F32" && dtype !== "I32") throw bad(`${key} is neither F32 nor I32`);
    if (from < 0 || to - from !== 4 * count || base + to > bytes.length) throw bad(`${key} is not whole`);
    const part = bytes.slice(base + from, base + to).buffer;
    tensors.set(key, { shape, data: dtype === "F32" ? new Float32Array(part) : new Int32Array(part) });
  }
  return { tensors, metadata };
}

const isNumbers = (x: unknown): x is number[] =>
  Array.isArray(x) && x.every((v) => typeof v === "number" && Number.isInteger(v) && v >= 0);
