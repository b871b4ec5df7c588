import { isMapped, parseIp } from "./address.ts";

/*
 * Questions for names and their answers (RFC 1035 4): as much as resolvers of C libraries need.
 */

const HEADER = 12;
const TYPE_A = 1;
const TYPE_AAAA = 28;
const CLASS_IN = 1;
/** Response, recursion desired and available. */
const ANSWER = 0x8180;
/** How long an answer holds, seconds. */
const TTL = 30;
/** A name that stands where the question's does. */
const SAME_NAME = 0xc00c;

/** Response codes. */
export const REFUSED = 5;
const NO_SUCH_NAME = 3;

export interface Question {
  readonly id: number;
  readonly name: string;
  readonly type: number;
  /** The question's own bytes. */
  readonly bytes: Uint8Array;
}

/** One question of class IN; null for anything else. */
export function readQuestion(message: Uint8Array): Question | null {
  if (message.length < HEADER) return null;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  if (view.getUint16(2) & 0xf800 || view.getUint16(4) !== 1) return null;
  const labels: string[] = [];
  let at = HEADER;
  for (let size = message[at] ?? 0; size !== 0; size = message[at] ?? 0) {
    if (size > 63 || at + 1 + size >= message.length) return null;
    labels.push(String.fromCharCode(...message.subarray(at + 1, at + 1 + size)));
    at += 1 + size;
  }
  if (!labels.length || at + 5 > message.length) return null;
  const type = view.getUint16(at + 1);
  if (view.getUint16(at + 3) !== CLASS_IN) return null;
  return { id: view.getUint16(0), name: labels.join("."), type, bytes: message.slice(HEADER, at + 5) };
}

/** The answer: those of the addresses that the question is for. */
export function writeAnswer(question: Question, addresses: readonly string[], code = 0): Uint8Array {
  const all = addresses.map(parseIp).filter((ip) => ip !== null);
  const wanted = all.flatMap((ip) => {
    if (question.type === TYPE_A && isMapped(ip)) return [ip.subarray(12)];
    return question.type === TYPE_AAAA && !isMapped(ip) ? [ip] : [];
  });
  const result = code || (all.length ? 0 : NO_SUCH_NAME);
  const out = new Uint8Array(HEADER + question.bytes.length + wanted.reduce((sum, ip) => sum + 12 + ip.length, 0));
  const view = new DataView(out.buffer);
  for (const [i, word] of [question.id, ANSWER | result, 1, wanted.length].entries()) view.setUint16(i * 2, word);
  out.set(question.bytes, HEADER);
  let at = HEADER + question.bytes.length;
  for (const ip of wanted) {
    view.setUint16(at, SAME_NAME);
    view.setUint16(at + 2, question.type);
    view.setUint16(at + 4, CLASS_IN);
    view.setUint32(at + 6, TTL);
    view.setUint16(at + 10, ip.length);
    out.set(ip, at + 12);
    at += 12 + ip.length;
  }
  return out;
}
