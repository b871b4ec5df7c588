/**
 * A machine that nobody has: instruction words of 24 bits, most significant byte first; three registers of 24 bits, a
 * program counter of 16, five flags; 64 KiB of memory, of which the last 4 KiB are not there.
 *
 *   0000 dd aa bb ........ ........   add d, a, b    sets z, n, c
 *   0001 dd aa bb                     xor d, a, b    sets z, n
 *   0010 dd aa iiiiiiiiiiiiiiii       addi d, a, i   (signed)
 *   0011 dd aa iiiiiiiiiiiiiiii       load d, 3 bytes at a + i, most significant first
 *   0100 dd aa iiiiiiiiiiiiiiii       store
 *   0101 ff aa iiiiiiiiiiiiiiii       branch pc + 3 * i where flag f is set
 *   0110 dd aa                        rev d, a       bits turned round
 *   all else, or a register 3: illegal
 */
export class OddMachine {
  readonly r = new Int32Array(3);
  pc = 0x300;
  flags = 0;
  readonly memory = new Uint8Array(0xf000);

  /** Linux's number of the signal that ends the step; SIGTRAP where it went well. */
  step(): number {
    const { memory, r } = this;
    if (this.pc + 3 > memory.length) return 11;
    const word = (memory[this.pc]! << 16) | (memory[this.pc + 1]! << 8) | memory[this.pc + 2]!;
    const op = word >> 20;
    const [d, a, b] = [(word >> 18) & 3, (word >> 16) & 3, (word >> 14) & 3];
    const imm = (word << 16) >> 16;
    const low = word & 0x3fff;
    if (op > 6 || d === 3 || a === 3 || (op < 2 && (b === 3 || low !== 0)) || (op === 6 && (word & 0xffff) !== 0))
      return 4;
    const x = r[a]!;
    const y = r[b]!;
    const set = (value: number, carry: number): void => {
      r[d] = value & 0xffffff;
      this.flags = (this.flags & 24) | (r[d] === 0 ? 1 : 0) | ((value >> 22) & 2) | (carry << 2);
    };
    let next = this.pc + 3;
    const at = (x + imm) & 0xffffff;
    switch (op) {
      case 0:
        set(x + y, (x + y) >> 24);
        break;
      case 1:
        set(x ^ y, (this.flags >> 2) & 1);
        break;
      case 2:
        r[d] = (x + imm) & 0xffffff;
        break;
      case 3:
        if (at + 3 > memory.length) return 11;
        r[d] = (memory[at]! << 16) | (memory[at + 1]! << 8) | memory[at + 2]!;
        break;
      case 4:
        if (at + 3 > memory.length) return 11;
        for (let i = 0; i < 3; i++) memory[at + i] = r[d]! >> (16 - 8 * i);
        break;
      case 5:
        if ((this.flags >> d) & 1) next = this.pc + 3 * imm;
        break;
      case 6: {
        let out = 0;
        for (let i = 0; i < 24; i++) out |= ((x >> i) & 1) << (23 - i);
        r[d] = out;
        break;
      }
    }
    this.pc = next & 0xffff;
    return 5;
  }
}

export const oddWord = (...bits: string[]): Uint8Array => {
  const word = Number.parseInt(bits.join("").replace(/ /g, "").padEnd(24, "0"), 2);
  return Uint8Array.of(word >> 16, word >> 8, word);
};
