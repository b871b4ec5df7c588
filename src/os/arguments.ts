import { CWD } from "../kernel/files.ts";
import { type Place, Span } from "../kernel/guest.ts";
import { posix } from "../kernel/posix.ts";
import type { GuestMemory } from "../memory/memory.ts";
import type { AbiBook } from "./abi.ts";
import type { Fields, Layout } from "./layout.ts";
import type { Arg, ArgType, CallRow, Scalar } from "./row.ts";
import { decodeSymbol } from "./symbols.ts";
import { decodeText } from "./text.ts";

const HIGH = 0x100000000;

/** A 64-bit register: halves as int32, and whole as a number (exact to 2^53). */
export interface RegisterValue {
  readonly lo: number;
  readonly hi: number;
}
export const unsigned = ({ lo, hi }: RegisterValue): number => (hi >>> 0) * HIGH + (lo >>> 0);
export const signed = ({ lo, hi }: RegisterValue): number => hi * HIGH + (lo >>> 0);

/** Guest structures of one layout, read and written in place with the guest's permissions. */
class StructPlace implements Place<Fields> {
  readonly address: number;
  readonly count: number;
  readonly layout: Layout;
  private readonly memory: GuestMemory;
  constructor(memory: GuestMemory, address: number, count: number, layout: Layout) {
    this.memory = memory;
    this.address = address;
    this.count = count;
    this.layout = layout;
  }
  get isNull(): boolean {
    return this.address === 0;
  }
  get(index = 0): Fields {
    const { layout } = this;
    const bytes = this.memory.view(this.address + index * layout.size, layout.size);
    return layout.decode(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0);
  }
  set(value: Fields, index = 0): void {
    const { layout } = this;
    const bytes = this.memory.view(this.address + index * layout.size, layout.size, 2);
    layout.encode(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, value);
  }
}

export type ArgValue = number | string | null | Span | StructPlace;
export { StructPlace };

/** Reads a row's arguments once, into kernel terms. Throws what POSIX gives for those that cannot be read. */
export class ArgumentReader {
  /** Of the call being read. */
  private memory!: GuestMemory;
  private readonly at: number;
  private readonly pathMax: number;
  constructor(book: AbiBook) {
    this.at = book.constant("AT_FDCWD");
    this.pathMax = book.constant("PATH_MAX");
  }

  read(row: CallRow, registers: readonly RegisterValue[], memory: GuestMemory): ArgValue[] {
    const { args } = row;
    this.memory = memory;
    const values = new Array<ArgValue>(args.length);
    for (let i = 0; i < args.length; i++) values[i] = this.one(args[i]!.type, registers, i, args);
    return values;
  }

  private one(type: ArgType, registers: readonly RegisterValue[], i: number, args: readonly Arg[]): ArgValue {
    const register = registers[i]!;
    switch (type.k) {
      case "scalar":
        return this.scalar(type.as, register);
      case "symbol": {
        const { set, strict } = type;
        if (strict && (register.lo & ~set.known) !== 0) throw posix(strict);
        return decodeSymbol(set, set.kind === "enum" ? register.lo : register.lo >>> 0);
      }
      case "path":
        return this.path(unsigned(register), type.nullable);
      case "buffer":
        return new Span(this.memory, unsigned(register), length(registers[type.size]!, args[type.size]!.type));
      case "struct": {
        const count = type.count >= 0 ? type.count : registers[-1 - type.count]!.lo;
        return new StructPlace(this.memory, unsigned(register), count, type.layout);
      }
    }
  }

  private scalar(as: Scalar, register: RegisterValue): number {
    switch (as) {
      case "dirfd":
        return register.lo === this.at ? CWD : register.lo;
      case "uint":
        return register.lo >>> 0;
      case "mode":
        return register.lo & 0o7777;
      case "off":
      case "long":
        return signed(register);
      case "size":
      case "ptr":
      case "ulong":
        return unsigned(register);
      default:
        return register.lo;
    }
  }

  private path(address: number, nullable: boolean): string | null {
    if (address === 0 && nullable) return null;
    const bytes = this.memory.cstring(address, this.pathMax);
    if (!bytes) throw posix("ENAMETOOLONG");
    return decodeText(bytes);
  }
}

/** A buffer's length as its argument means it; a negative int is no buffer at all. */
function length(register: RegisterValue, type: ArgType): number {
  const int = type.k === "scalar" && type.as === "int";
  return int ? Math.max(0, register.lo) : unsigned(register);
}
