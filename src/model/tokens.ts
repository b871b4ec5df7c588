/**
 * Bytes as tokens, for every model: a byte is its own token, what is not a byte stands above them. Models share the
 * embedding of these tokens and differ in what they read before and say after.
 */
export const BYTES = 256;
const marks = ["none", "induce", "deduce", "abduce", "detect", "map"] as const;
export type Mark = (typeof marks)[number];
/** The token of a mark. */
export const mark = (name: Mark): number => BYTES + marks.indexOf(name);
/** Tokens that there are; some are kept free, so that a mark more does not change a model's shape. */
export const TOKENS = BYTES + 16;

/** A sequence of tokens of a fixed length, filled from the front; what is not there is the mark `none`. */
export class Tokens {
  readonly list: Uint16Array;
  private at = 0;

  constructor(length: number, role: Mark) {
    this.list = new Uint16Array(length).fill(mark("none"));
    this.list[this.at++] = mark(role);
  }
  /** Tokens written. */
  get used(): number {
    return this.at;
  }
  /** What does not fit is left out. */
  byte(value: number): void {
    if (this.at < this.list.length) this.list[this.at++] = value & 255;
  }
  /** A share from 0 to 1: none and all are told from nearly none and nearly all. */
  share(part: number, of: number): void {
    if (of === 0) this.skip(1);
    else this.byte(part === 0 ? 0 : part === of ? 31 : 1 + Math.min(29, Math.floor((30 * part) / of)));
  }
  skip(n: number): void {
    this.at += n;
  }
  /** The low `count` bytes of a value. */
  value(lo: number, hi: number, count: number): void {
    for (let i = 0; i < count; i++) this.byte(i < 4 ? lo >>> (8 * i) : hi >>> (8 * (i - 4)));
  }
}
