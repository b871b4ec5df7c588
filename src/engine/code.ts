import type { Inst } from "../ir/node.ts";
import { PAGE_SIZE, PROT_EXEC, PROT_WRITE } from "../memory/layout.ts";
import type { GuestMemory } from "../memory/memory.ts";
import type { IsaBook } from "../rules/book.ts";

const NOTHING = new Uint8Array(0);

/** Guest code as instructions: decoded and lifted from memory as it is now. */
export class Code {
  private readonly book: IsaBook;
  private readonly memory: GuestMemory;
  private readonly longest: number;

  constructor(book: IsaBook, memory: GuestMemory) {
    this.book = book;
    this.memory = memory;
    this.longest = book.lengths.at(-1)!;
  }

  /** Bytes from pc on as far as an instruction may reach and they are executable; none where pc is not. A live view. */
  fetch(pc: number): Uint8Array {
    const { memory, longest } = this;
    if (memory.allows(pc, longest, PROT_EXEC)) return memory.view(pc, longest, PROT_EXEC);
    const rest = PAGE_SIZE - (pc % PAGE_SIZE);
    return rest < longest && memory.allows(pc, rest, PROT_EXEC) ? memory.view(pc, rest, PROT_EXEC) : NOTHING;
  }

  /** What stands at pc. null: not executable, or no instruction. */
  inst(pc: number): Inst | null {
    const decoded = this.book.decode(this.fetch(pc), 0);
    return decoded && this.book.lift(decoded, pc);
  }

  /** Bytes that cannot change without the engine hearing of it: mapped, and not writable by the guest. */
  constant(address: number, size: number): Uint8Array | null {
    const { memory } = this;
    if (!memory.allows(address, size, 1)) return null;
    for (let at = address - (address % PAGE_SIZE); at < address + size; at += PAGE_SIZE)
      if (memory.allows(at, 1, PROT_WRITE)) return null;
    return memory.read(address, size);
  }
}
