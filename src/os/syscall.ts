import { HostError } from "../host/host.ts";
import { type Handler, handlers } from "../kernel/calls/index.ts";
import type { Task } from "../kernel/process.ts";
import { fail, type SyscallResult } from "../kernel/result.ts";
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

/** Calls of one guest: number to row to decoded arguments to kernel call. */
export class Dispatcher {
  readonly book: AbiBook;
  readonly abi: Machine;
  private readonly rows: ReadonlyMap<number, CallRow>;
  private readonly handlers: ReadonlyMap<string, Handler>;
  private readonly reader: ArgumentReader;
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
    const row = this.rows.get(number);
    const count = row ? row.registers : 6;
    const given: RegisterValue[] = [];
    for (let i = 0; i < count; i++) given.push({ lo: cpu.lo(slots[i + 2]!), hi: cpu.hi(slots[i + 2]!) });
    const registers = row?.arrange(given) ?? given;
    if (!row) return { row, operation: undefined, number, registers, values: undefined, result: fail("ENOSYS") };
    const operation = row.by ? row.operations.get((registers[row.byArg]!.lo & row.by.mask) >>> 0) : undefined;
    if (row.by && !operation) {
      return { row, operation, number, registers, values: undefined, result: this.noOperation(task, row, registers) };
    }
    const chosen = operation ?? row;
    const handler = chosen.handler === null ? undefined : this.handlers.get(chosen.handler);
    if (!handler) return { row, operation, number, registers, values: undefined, result: fail("ENOSYS") };
    let values: ArgValue[] | undefined;
    const result = guarded(() => {
      values = this.reader.read(chosen, operation ? operation.arrange(given) : registers, task.space.memory);
      return handler(task, ...(values as never[]));
    });
    return { row, operation, number, registers, values, result };
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

/** Runs kernel code; what it throws by POSIX name becomes a value. Bugs pass through. */
export function guarded(run: () => SyscallResult): SyscallResult {
  try {
    return run();
  } catch (error) {
    if (error instanceof HostError) return fail(error.code);
    if (error instanceof GuestFault) return fail("EFAULT");
    if (error instanceof OutOfGuestMemory) return fail("ENOMEM");
    throw error;
  }
}
