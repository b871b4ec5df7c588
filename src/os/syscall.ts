import { HostError } from "../host/host.ts";
import { type Handler, handlers } from "../kernel/calls/index.ts";
import type { Task } from "../kernel/process.ts";
import { fail, type SyscallResult, type Wait } from "../kernel/result.ts";
import { GuestFault, OutOfGuestMemory } from "../memory/memory.ts";
import type { AbiBook, Machine } from "./abi.ts";
import { ArgumentReader, type ArgValue, type RegisterValue } from "./arguments.ts";
import { AbiError } from "./error.ts";
import type { CallRow } from "./row.ts";

/** A call on its way: what was asked, how its arguments read, what came of it so far. */
export interface Call {
  readonly row: CallRow | undefined;
  readonly operation: CallRow | undefined;
  readonly number: number;
  readonly registers: readonly RegisterValue[];
  readonly values: readonly ArgValue[] | undefined;
  readonly result: SyscallResult;
}

/** What a call's number leads to, looked up once. */
interface Found {
  readonly row: CallRow | undefined;
  /** How many argument registers matter. */
  readonly count: number;
  /** Arguments stand in the registers' order. */
  readonly plain: boolean;
  readonly handler: Handler | undefined;
  /** Operations by their value, where an argument chooses. */
  readonly by: ReadonlyMap<number, Found> | undefined;
}

/** Calls of one guest: number to row to decoded arguments to kernel call. */
export class Dispatcher {
  readonly book: AbiBook;
  readonly abi: Machine;
  private readonly rows: ReadonlyMap<number, CallRow>;
  private readonly handlers: ReadonlyMap<string, Handler>;
  private readonly reader: ArgumentReader;
  private readonly found = new Map<number, Found>();
  /** Slots of the call's number, its result, its arguments. */
  private slots: readonly number[] | undefined;

  /** Throws AbiError where the rulebook has no calls for the machine. */
  constructor(book: AbiBook, abi: Machine, kernelCalls: ReadonlyMap<string, Handler> = handlers) {
    const rows = book.calls.get(abi.table);
    if (!rows) throw new AbiError(`${book.file}: there are no calls of table ${abi.table}`);
    this.book = book;
    this.abi = abi;
    this.rows = rows;
    this.handlers = kernelCalls;
    this.reader = new ArgumentReader(book);
  }

  /** Serves the call that stands in the task's registers, up to its result; nothing is written back yet. */
  call(task: Task): Call {
    const { cpu } = task;
    // All cpus of one ISA number their slots alike.
    this.slots ??= [this.abi.number, this.abi.result, ...this.abi.args].map((name) => cpu.slot(name));
    const { slots } = this;
    const number = cpu.lo(slots[0]!);
    const found = this.found.get(number) ?? this.find(number);
    const { row } = found;
    const given = new Array<RegisterValue>(found.count);
    for (let i = 0; i < given.length; i++) given[i] = { lo: cpu.lo(slots[i + 2]!), hi: cpu.hi(slots[i + 2]!) };
    const registers = row && !found.plain ? row.arrange(given) : given;
    if (!found.by) return this.serve(task, number, found, registers, undefined, registers);
    const operation = found.by.get((registers[row!.byArg]!.lo & row!.by!.mask) >>> 0);
    if (!operation) {
      const result = this.noOperation(task, row!, registers);
      return { row, operation: undefined, number, registers, values: undefined, result };
    }
    const arranged = operation.plain ? given : operation.row!.arrange(given);
    return this.serve(task, number, found, registers, operation, arranged);
  }

  private serve(
    task: Task,
    number: number,
    found: Found,
    registers: readonly RegisterValue[],
    chosen: Found | undefined,
    given: readonly RegisterValue[],
  ): Call {
    const { row } = found;
    const operation = chosen?.row;
    const { handler } = chosen ?? found;
    let values: ArgValue[] | undefined;
    let result: SyscallResult;
    if (!handler) result = fail("ENOSYS");
    else {
      try {
        values = this.reader.read((operation ?? row)!, given, task.space.memory);
        result = handler(task, ...(values as never[]));
      } catch (error) {
        result = failure(error);
      }
    }
    return { row, operation, number, registers, values, result };
  }

  private find(number: number): Found {
    const row = this.rows.get(number);
    const found = this.foundFor(row);
    this.found.set(number, found);
    return found;
  }

  private foundFor(row: CallRow | undefined): Found {
    if (!row) return { row, count: 6, plain: true, handler: undefined, by: undefined };
    const by = row.by && new Map([...row.operations].map(([value, each]) => [value, this.foundFor(each)]));
    const handler = row.handler === null ? undefined : this.handlers.get(row.handler);
    return { row, count: row.registers, plain: row.plain, handler, by };
  }

  /** Writes a result where the ABI wants it: errors as their negative number. */
  finish(task: Task, call: Call, result: SyscallResult): void {
    if (typeof result !== "number" && result.k !== "error") return;
    const chosen = call.operation ?? call.row;
    const value = typeof result === "number" ? this.encode(chosen, result) : -this.errno(result.code);
    task.cpu.set(this.slots?.[1] ?? task.cpu.slot(this.abi.result), value | 0, Math.floor(value / 0x100000000) | 0);
  }

  private encode(row: CallRow | undefined, value: number): number {
    const set = row?.resultSet;
    return set ? this.book.encode(set.name, value) : value;
  }

  private errno(code: string): number {
    return this.book.errors.get(code)?.number ?? this.book.errors.get("EIO")!.number;
  }

  /** An operation without a row: a bad descriptor still comes first, as Linux looks at it first. */
  private noOperation(task: Task, row: CallRow, registers: readonly RegisterValue[]): SyscallResult {
    const fd = row.args.findIndex((arg) => arg.type.k === "scalar" && arg.type.as === "fd");
    return fd >= 0 && !task.files.peek(registers[fd]!.lo) ? fail("EBADF") : fail(row.by!.otherwise);
  }
}

/** What kernel code threw by POSIX name, as a value. Bugs pass through. */
function failure(error: unknown): SyscallResult {
  if (error instanceof HostError) return fail(error.code);
  if (error instanceof GuestFault) return fail("EFAULT");
  if (error instanceof OutOfGuestMemory) return fail("ENOMEM");
  throw error;
}

/** What a wait comes to now, or with its time over (`late`); null: nothing yet. */
export function look(wait: Wait, late: boolean): SyscallResult | null {
  try {
    return wait.poll() ?? (late ? wait.expired() : null);
  } catch (error) {
    return failure(error);
  }
}
