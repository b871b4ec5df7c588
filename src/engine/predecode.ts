import {
  ADDRESS_LIMIT,
  BIAS,
  PAGE_CODE,
  PAGE_SHIFT,
  PAGE_SIZE,
  PERMS,
  PERMS_SIZE,
  PROT_EXEC,
  PROT_WRITE,
} from "../memory/layout.ts";
import type { IsaBook } from "../rules/book.ts";
import {
  CODE,
  CODE_SIZE,
  Handler,
  HOT_COUNT,
  HOT_LIST,
  HOT_MAX,
  HOT_THRESHOLD,
  LINK,
  MAPS,
  MAPS_SIZE,
  MICRO_OP,
  mapShift,
  PAGE_MAP,
  SIDE_COUNT,
  SIDE_LINKED,
  SIDE_NEXT,
  SIDE_PC,
} from "./predecode-layout.ts";
import type { RowsReader } from "./predecode-rows.ts";

/** Most instructions decoded in one go. */
const BLOCK_LIMIT = 64;
/** Bytes that one go may take: micro-ops, a stub each, ends. */
const BLOCK_ROOM = (2 * BLOCK_LIMIT + 2) * MICRO_OP;

/** Why there is no micro-op at a pc: execution is forbidden at `address`, or no row matches. */
export type Undecodable = { readonly k: "fault"; readonly address: number } | { readonly k: "illegal" };

/**
 * Turns guest code into micro-ops in engine memory, on demand and for good: a block is decoded when control first
 * comes to it, a conditional branch does not end it. Direct jumps link to their target's micro-op; one whose target
 * is not decoded yet links to a `Miss`, which brings control back here once.
 */
export class Predecoder {
  /** Why the last `entry` found nothing. */
  failure: Undecodable = { k: "illegal" };
  /** Instructions decoded, blocks begun; for --stats. */
  instructions = 0;
  blocks = 0;
  /** Code was decoded from a page that the guest may write: stores have to be watched from now on. */
  writable = false;
  /** Executions after which a head is hot; for code decoded from now on. */
  threshold = HOT_THRESHOLD;
  private readonly book: IsaBook;
  private readonly rows: RowsReader;
  private readonly guest: WebAssembly.Memory;
  private readonly words: Int32Array;
  private readonly halves: Uint16Array;
  private readonly octets: Uint8Array;
  private readonly perms: Uint8Array;
  private readonly regions = new Map<number, number>();
  /** The fields of the instruction at hand. */
  private readonly fields = new Int32Array(32);
  private readonly longest: number;
  /** From offset in a page to offset in its map: shift left by this after clearing the bits below `align`. */
  private readonly scale: number;
  private readonly mapBytes: number;
  private bytes: Uint8Array;
  /** Pages that have a map. */
  private readonly pages: number[] = [];
  private nextMap = 0;
  /** Micro-ops grow upwards, stubs (what stands for code not decoded yet) downwards and are used again. */
  private next = 0;
  private lowestStub = 0;
  private free = 0;

  /** The predecoder's part of `engine` must be zero. */
  constructor(book: IsaBook, rows: RowsReader, engine: WebAssembly.Memory, guest: WebAssembly.Memory) {
    this.book = book;
    this.rows = rows;
    this.guest = guest;
    this.words = new Int32Array(engine.buffer);
    this.halves = new Uint16Array(engine.buffer);
    this.octets = new Uint8Array(engine.buffer);
    this.perms = new Uint8Array(engine.buffer, PERMS, PERMS_SIZE);
    this.bytes = new Uint8Array(guest.buffer);
    this.longest = book.lengths[book.lengths.length - 1]!;
    this.scale = mapShift(book.align);
    this.mapBytes = PAGE_SIZE << this.scale;
    this.empty();
  }

  /** Forgets all code and its regions. */
  reset(): void {
    this.regions.clear();
    this.empty();
  }

  /** Makes the tables empty; regions stay known. Fresh memory is zero already, and touching it would cost. */
  private empty(): void {
    const { words } = this;
    for (const page of this.pages) words[(PAGE_MAP >> 2) + page] = 0;
    this.pages.length = 0;
    words.fill(0, MAPS >> 2, (MAPS + this.nextMap) >> 2);
    words[HOT_COUNT >> 2] = 0;
    this.nextMap = this.mapBytes;
    this.next = CODE;
    this.lowestStub = CODE + CODE_SIZE;
    this.free = 0;
  }

  /** Micro-op of the instruction at pc, decoded now if need be. 0: there is none, see `failure`. */
  entry(pc: number): number {
    if (pc < BIAS || pc >= ADDRESS_LIMIT || pc % this.book.align !== 0) return this.fault(pc);
    const known = this.at(pc);
    if (known && this.halves[known >> 1] !== Handler.Miss) return known;
    if (this.next + BLOCK_ROOM > this.lowestStub) this.empty();
    if (this.nextMap + this.mapBytes * (BLOCK_LIMIT + 2) > MAPS_SIZE) this.empty();
    return this.block(pc);
  }

  /** Code in [address, address + size) may have changed or gone: it is decoded again when control comes there. */
  dropRange(address: number, size: number): void {
    const end = Math.min(address + size, ADDRESS_LIMIT);
    const step = this.book.align;
    const first = Math.max(BIAS, address - this.longest + step);
    for (let pc = first - (first % step); pc < end; ) {
      const map = this.words[(PAGE_MAP >> 2) + (pc >>> PAGE_SHIFT)]!;
      const pageEnd = Math.min(end, (Math.floor(pc / PAGE_SIZE) + 1) * PAGE_SIZE);
      if (map) for (; pc < pageEnd; pc += step) this.drop(pc);
      pc = pageEnd;
    }
    const endPage = Math.floor(end / PAGE_SIZE);
    for (let page = Math.ceil(address / PAGE_SIZE); page < endPage; page++) this.perms[page]! &= ~PAGE_CODE;
  }

  /** From now on the instruction at pc is the compiled region with this index in the table. */
  setRegion(pc: number, index: number): void {
    this.regions.set(pc, index);
    const at = this.at(pc);
    if (at && this.halves[at >> 1] !== Handler.Miss) this.patch(at, Handler.Region, index);
  }

  /** The region at pc is no more. */
  dropRegion(pc: number): void {
    if (this.regions.delete(pc)) this.drop(pc);
  }

  /** Whether the block of the instruction at pc ever ran here. */
  decoded(pc: number): boolean {
    const at = this.at(pc);
    return at !== 0 && this.halves[at >> 1] !== Handler.Miss;
  }

  /** How often a head ran since it was decoded, as far as the count goes; Infinity where a region stands for it. */
  executions(pc: number): number {
    const at = this.at(pc);
    if (!at || this.halves[at >> 1] === Handler.Miss) return 0;
    return this.regions.has(pc) ? Number.POSITIVE_INFINITY : this.threshold - this.words[(at + SIDE_COUNT) >> 2]!;
  }

  /** Counts a head anew, so that it can become hot once more. */
  countAgain(pc: number): void {
    const at = this.at(pc);
    if (at) this.words[(at + SIDE_COUNT) >> 2] = this.threshold;
  }

  /** Heads that ran HOT_THRESHOLD times since they were decoded, once each; empties the list. */
  takeHot(): number[] {
    const count = Math.min(this.words[HOT_COUNT >> 2]!, HOT_MAX);
    this.words[HOT_COUNT >> 2] = 0;
    const hot: number[] = [];
    for (let i = 0; i < count; i++) hot.push(this.words[(HOT_LIST >> 2) + i]! >>> 0);
    return hot;
  }

  private at(pc: number): number {
    const map = this.words[(PAGE_MAP >> 2) + (pc >>> PAGE_SHIFT)]!;
    return map ? this.words[(MAPS + map + ((pc & (PAGE_SIZE - 1)) << this.scale)) >> 2]! : 0;
  }

  private enter(pc: number, at: number): void {
    const page = (PAGE_MAP >> 2) + (pc >>> PAGE_SHIFT);
    let map = this.words[page]!;
    if (!map) {
      this.pages.push(pc >>> PAGE_SHIFT);
      map = this.words[page] = this.nextMap;
      this.nextMap += this.mapBytes;
    }
    this.words[(MAPS + map + ((pc & (PAGE_SIZE - 1)) << this.scale)) >> 2] = at;
  }

  /** Decodes from pc on, to the first instruction that surely jumps. */
  private block(pc: number): number {
    if (this.bytes.buffer !== this.guest.buffer) this.bytes = new Uint8Array(this.guest.buffer);
    this.blocks++;
    const start = this.next;
    let at = pc;
    for (let n = 0; n < BLOCK_LIMIT; n++) {
      const known = this.at(at);
      if (known && this.halves[known >> 1] !== Handler.Miss) {
        this.glue(at, known);
        return start;
      }
      const row = this.decode(at);
      if (row < 0) break;
      const length = this.book.decodedLength;
      const uop = this.next;
      this.side(uop, at);
      this.next += MICRO_OP;
      this.enter(at, uop);
      if (known) this.resolve(known, uop);
      const ends = this.encode(uop, row, at);
      this.perms[at >>> PAGE_SHIFT]! |= PAGE_CODE;
      this.perms[(at + length - 1) >>> PAGE_SHIFT]! |= PAGE_CODE;
      this.instructions++;
      at += length;
      if (ends) {
        // What an exit behind the instruction reads as the next pc.
        this.miss(this.next, at);
        this.next += MICRO_OP;
        return start;
      }
    }
    if (at === pc) return 0;
    this.glue(at, this.stub(at));
    return start;
  }

  /** Ends a straight line with a jump to what stands for `pc`. */
  private glue(pc: number, target: number): void {
    const uop = this.next;
    this.next += MICRO_OP;
    this.side(uop, pc);
    this.words[uop >> 2] = Handler.Goto;
    this.link(uop, target);
  }

  /** What stands for pc: its micro-op, or a Miss that will be resolved. */
  private stub(pc: number): number {
    const known = this.at(pc);
    if (known) return known;
    let uop = this.free;
    if (uop) this.free = this.words[(uop + LINK) >> 2]!;
    else uop = this.lowestStub -= MICRO_OP;
    this.miss(uop, pc);
    this.enter(pc, uop);
    return uop;
  }

  private miss(uop: number, pc: number): void {
    this.side(uop, pc);
    this.words[uop >> 2] = Handler.Miss;
  }

  private side(uop: number, pc: number): void {
    this.words[(uop + SIDE_PC) >> 2] = pc;
    this.words[(uop + SIDE_COUNT) >> 2] = this.threshold;
    this.words[(uop + SIDE_LINKED) >> 2] = 0;
    this.words[(uop + SIDE_NEXT) >> 2] = 0;
  }

  /** Lets the jump at `uop` go to `target`, and learns of it when a Miss there is resolved. */
  private link(uop: number, target: number): void {
    this.words[(uop + LINK) >> 2] = target;
    if (this.halves[target >> 1] !== Handler.Miss) return;
    this.words[(uop + SIDE_NEXT) >> 2] = this.words[(target + SIDE_LINKED) >> 2]!;
    this.words[(target + SIDE_LINKED) >> 2] = uop;
  }

  /** The Miss `stub` now has its micro-op. */
  private resolve(stub: number, uop: number): void {
    let from = this.words[(stub + SIDE_LINKED) >> 2]!;
    while (from) {
      // What was dropped meanwhile links elsewhere.
      if (this.words[(from + LINK) >> 2] === stub) this.words[(from + LINK) >> 2] = uop;
      from = this.words[(from + SIDE_NEXT) >> 2]!;
    }
    this.words[(stub + SIDE_LINKED) >> 2] = 0;
    this.patch(stub, Handler.Goto, uop);
    if (stub < this.lowestStub) return;
    // Nothing links to it any more.
    this.words[(stub + LINK) >> 2] = this.free;
    this.free = stub;
  }

  private patch(uop: number, handler: number, link: number): void {
    this.halves[uop >> 1] = handler;
    this.words[(uop + LINK) >> 2] = link;
  }

  private drop(pc: number): void {
    const uop = this.at(pc);
    if (!uop || this.halves[uop >> 1] === Handler.Miss) return;
    this.regions.delete(pc);
    this.patch(uop, Handler.Miss, 0);
    this.words[(uop + SIDE_LINKED) >> 2] = 0;
  }

  /** The instruction at pc, as decodeInto numbers it, with permission checked; its fields. -1: see `failure`. */
  private decode(pc: number): number {
    if (!(this.perms[pc >>> PAGE_SHIFT]! & PROT_EXEC)) {
      this.fault(pc);
      return -1;
    }
    if (this.perms[pc >>> PAGE_SHIFT]! & PROT_WRITE) this.writable = true;
    const room = PAGE_SIZE - (pc & (PAGE_SIZE - 1));
    const bounded = room < this.longest && !(this.perms[(pc + room) >>> PAGE_SHIFT]! & PROT_EXEC);
    const at = pc - BIAS;
    const row = this.book.decodeInto(this.bytes, at, at + (bounded ? room : this.longest), this.fields);
    if (row < 0) {
      if (bounded && this.book.endsShort(this.bytes.subarray(0, at + room), at)) this.fault(pc + room);
      else this.failure = { k: "illegal" };
    }
    return row;
  }

  private fault(address: number): 0 {
    this.failure = { k: "fault", address };
    return 0;
  }

  /** Writes the micro-op; true where the straight line ends with it. */
  private encode(uop: number, number: number, pc: number): boolean {
    const halves = this.halves;
    const region = this.regions.size ? this.regions.get(pc) : undefined;
    if (region !== undefined) {
      this.patch(uop, Handler.Region, region);
      return true;
    }
    const row = this.rows.row(number);
    if (row === null) {
      halves[uop >> 1] = Handler.Evaluate;
      return false;
    }
    const { fields } = this;
    halves[uop >> 1] = row.handler;
    for (let i = 0; i < row.slotAt.length; i++)
      halves[(uop + row.slotAt[i]!) >> 1] = row.slotTable[i]![fields[row.slotField[i]!]!]!;
    for (let i = 0; i < row.values.length; i++) {
      const operand = row.values[i]!;
      const lo = operand.value.of(fields, pc);
      const { hi } = operand.value;
      const at = uop + operand.at;
      if (operand.bytes === 1) {
        this.octets[at] = lo;
        continue;
      }
      halves[at >> 1] = lo;
      if (operand.bytes === 2) continue;
      halves[(at >> 1) + 1] = lo >>> 16;
      if (operand.bytes === 8) {
        halves[(at >> 1) + 2] = hi;
        halves[(at >> 1) + 3] = hi >>> 16;
      } else if (hi !== (operand.signed ? lo >> 31 : 0)) halves[uop >> 1] = Handler.Evaluate;
    }
    if (row.link !== null) {
      const target = row.link.of(fields, pc) >>> 0;
      if (row.link.hi !== 0 || target < BIAS || target >= ADDRESS_LIMIT || target % this.book.align !== 0)
        halves[uop >> 1] = Handler.Evaluate;
      else this.link(uop, this.stub(target));
    }
    return row.ends;
  }
}
