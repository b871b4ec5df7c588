/** Bit sets in rows of an Int32Array: `words` words a row. */
export class BitRows {
  readonly words: number;
  readonly data: Int32Array;

  constructor(rows: number, bits: number) {
    this.words = (bits + 31) >>> 5;
    this.data = new Int32Array(rows * this.words);
  }

  has(row: number, bit: number): boolean {
    return ((this.data[row * this.words + (bit >>> 5)]! >>> (bit & 31)) & 1) === 1;
  }
  add(row: number, bit: number): void {
    this.data[row * this.words + (bit >>> 5)]! |= 1 << (bit & 31);
  }
  remove(row: number, bit: number): void {
    this.data[row * this.words + (bit >>> 5)]! &= ~(1 << (bit & 31));
  }
  clear(row: number): void {
    this.data.fill(0, row * this.words, (row + 1) * this.words);
  }
  fill(row: number, bits: number): void {
    const at = row * this.words;
    this.data.fill(-1, at, at + (bits >>> 5));
    if (bits & 31) this.data[at + (bits >>> 5)]! |= (1 << (bits & 31)) - 1;
  }

  /** row |= from's row; true where that changed it. */
  union(row: number, from: BitRows, fromRow: number): boolean {
    let changed = false;
    for (let i = 0; i < this.words; i++) {
      const at = row * this.words + i;
      const next = this.data[at]! | from.data[fromRow * this.words + i]!;
      if (next !== this.data[at]) {
        this.data[at] = next;
        changed = true;
      }
    }
    return changed;
  }
  intersect(row: number, from: BitRows, fromRow: number): boolean {
    let changed = false;
    for (let i = 0; i < this.words; i++) {
      const at = row * this.words + i;
      const next = this.data[at]! & from.data[fromRow * this.words + i]!;
      if (next !== this.data[at]) {
        this.data[at] = next;
        changed = true;
      }
    }
    return changed;
  }
  subtract(row: number, from: BitRows, fromRow: number): void {
    for (let i = 0; i < this.words; i++) this.data[row * this.words + i]! &= ~from.data[fromRow * this.words + i]!;
  }
  copy(row: number, from: BitRows, fromRow: number): void {
    for (let i = 0; i < this.words; i++) this.data[row * this.words + i] = from.data[fromRow * this.words + i]!;
  }
  equal(row: number, from: BitRows, fromRow: number): boolean {
    for (let i = 0; i < this.words; i++)
      if (this.data[row * this.words + i] !== from.data[fromRow * this.words + i]) return false;
    return true;
  }

  /** Members of a row, ascending. */
  list(row: number): number[] {
    const out: number[] = [];
    for (let i = 0; i < this.words; i++) {
      let word = this.data[row * this.words + i]!;
      while (word !== 0) {
        const bit = 31 - Math.clz32(word & -word);
        out.push(i * 32 + bit);
        word &= word - 1;
      }
    }
    return out;
  }
}
