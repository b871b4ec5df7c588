/*
 * Guest strings are bytes; JavaScript's are not. Bytes that are no UTF-8 become lone surrogates (0xDC80 to 0xDCFF), so
 * that every name survives the way in and out and no two names become one.
 */

const strict = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

export function decodeText(bytes: Uint8Array): string {
  const copy = bytes.slice();
  try {
    return strict.decode(copy);
  } catch {
    return escapeInvalid(copy);
  }
}

function escapeInvalid(bytes: Uint8Array): string {
  let out = "";
  for (let at = 0; at < bytes.length; ) {
    const size = sequence(bytes, at);
    out += size ? strict.decode(bytes.subarray(at, at + size)) : String.fromCharCode(0xdc00 + bytes[at]!);
    at += size || 1;
  }
  return out;
}

/** Length of the valid UTF-8 sequence at `at`, 0 where there is none. */
function sequence(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  const size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (at + size > bytes.length) return 0;
  try {
    strict.decode(bytes.subarray(at, at + size));
    return size;
  } catch {
    return 0;
  }
}

export function encodeText(text: string): Uint8Array {
  if (!/[\udc80-\udcff]/.test(text)) return encoder.encode(text);
  const out: number[] = [];
  for (const char of text) {
    const code = char.codePointAt(0)!;
    if (code >= 0xdc80 && code <= 0xdcff) out.push(code - 0xdc00);
    else out.push(...encoder.encode(char));
  }
  return Uint8Array.from(out);
}
