import { F } from "../../kernel/flags.ts";
import type { Task } from "../../kernel/process.ts";
import { fail, type SyscallResult } from "../../kernel/result.ts";
import { type Action, bitOf, type Pending } from "../../kernel/signals.ts";
import type { FrameRow } from "../abi.ts";
import type { Linux } from "./personality.ts";

/*
 * A signal handler's frame, as Linux's rt signals build it: siginfo, ucontext, and in the ucontext the registers. What
 * stands where is the rulebook's `frame` row; this file only moves it.
 */

const HIGH = 0x100000000;

function setRegister(task: Task, name: string, value: number): void {
  task.cpu.set(task.cpu.slot(name), value | 0, Math.floor(value / HIGH) | 0);
}

function frameOf(linux: Linux): FrameRow {
  const frame = linux.book.frames.get(linux.abi.isa);
  if (!frame) throw new Error(`no frame row for ${linux.abi.isa}`);
  return frame;
}

/** Registers into the frame's bytes. */
function saveRegisters(task: Task, frame: FrameRow, view: DataView, at: number): void {
  let state: Uint8Array | undefined;
  for (const { parts, offset, size, value, place } of frame.registers) {
    if (size > 8 && parts.length > 0) {
      state ??= task.cpu.save();
      new Uint8Array(view.buffer, view.byteOffset + offset, size).set(wide(task, parts[0]!.name, state, size));
      continue;
    }
    // Beyond eight bytes are zeros.
    if (size > 8) continue;
    let lo = place < 0 ? value | 0 : (at + place) | 0;
    let hi = 0;
    for (const { name, shift } of parts) {
      if (name === "pc") {
        lo = task.cpu.pc | 0;
        hi = Math.floor(task.cpu.pc / HIGH);
        continue;
      }
      const slot = task.cpu.slot(name);
      lo |= task.cpu.lo(slot) << shift;
      hi |= task.cpu.hi(slot);
    }
    if (size === 2) view.setInt16(offset, lo, true);
    else view.setInt32(offset, lo, true);
    if (size === 8) view.setInt32(offset + 4, hi, true);
  }
}

/** The bytes of a register wider than 64 bits in a copy of the state. */
function wide(task: Task, name: string, state: Uint8Array, size: number): Uint8Array {
  const { offset } = task.cpu.slots[task.cpu.slot(name)]!;
  return state.subarray(offset, offset + size);
}

function loadRegisters(task: Task, frame: FrameRow, view: DataView): void {
  const whole = frame.registers.filter(({ parts, size }) => size > 8 && parts.length > 0);
  if (whole.length > 0) {
    const state = task.cpu.save();
    for (const { parts, offset, size } of whole)
      wide(task, parts[0]!.name, state, size).set(new Uint8Array(view.buffer, view.byteOffset + offset, size));
    task.cpu.restore(state);
  }
  for (const { parts, offset, size } of frame.registers) {
    if (size > 8) continue;
    const lo = size === 2 ? view.getInt16(offset, true) : view.getInt32(offset, true);
    const hi = size === 8 ? view.getInt32(offset + 4, true) : 0;
    for (const { name, shift } of parts) {
      if (name === "pc") {
        task.cpu.pc = (hi >>> 0) * HIGH + (lo >>> 0);
        continue;
      }
      const slot = task.cpu.slot(name);
      const { w } = task.cpu.slots[slot]!;
      if (w > 32) task.cpu.set(slot, lo, hi);
      else task.cpu.set(slot, (lo >>> shift) & (w === 32 ? -1 : (1 << w) - 1), 0);
    }
  }
}

/** siginfo as its kind wants it: a fault's address, a child's end, a timer's number, or who sent it and what along. */
export function signalInfo(linux: Linux, pending: Pending): Uint8Array {
  const common = { signo: pending.signal, code: pending.code };
  const { address, status, timer, value } = pending;
  if (address !== undefined) return linux.book.encodeStruct("siginfo", { ...common, addr: address });
  const sender = { ...common, pid: pending.pid ?? 0, uid: pending.uid ?? 0 };
  if (status !== undefined) return linux.book.encodeStruct("siginfochld", { ...sender, status });
  const along = { ...sender, value: value ?? 0n };
  return linux.book.encodeStruct("siginfokill", timer === undefined ? along : { ...along, pid: timer });
}

/** Starts a handler on the task. False where its stack cannot take the frame: the signal then kills. */
export function enterHandler(linux: Linux, task: Task, pending: Pending, action: Action): boolean {
  const frame = frameOf(linux);
  const { abi, book } = linux;
  const sp = linux.stackPointer(task);
  const { stack } = task;
  const on = !stack.disabled && sp > stack.sp && sp <= stack.sp + stack.size;
  const switches = (action.flags & F.SA_ONSTACK) !== 0 && !stack.disabled && !on;
  const top = switches ? stack.sp + stack.size : sp;
  const at = Math.floor((top - (switches ? 0 : frame.below) - frame.size) / 16) * 16 - frame.skew;
  const bytes = new Uint8Array(frame.size);
  bytes.set(signalInfo(linux, pending), frame.info);
  const flags = stack.disabled ? F.SS_DISABLE : on ? F.SS_ONSTACK : 0;
  const mask = task.savedMask ?? task.blocked;
  bytes.set(book.encodeStruct(frame.layout, { stack: { sp: stack.sp, size: stack.size, flags }, mask }), frame.context);
  const view = new DataView(bytes.buffer);
  saveRegisters(task, frame, view, at);
  // Where no register holds a call's way back, it is the frame's first word.
  if (abi.return === "stack") view.setInt32(0, task.process.trampoline, true);
  if (!task.space.memory.allows(at, frame.size, 2)) return false;
  task.space.memory.write(at, bytes);
  const [first, second, third] = abi.handler;
  setRegister(task, first!, pending.signal);
  setRegister(task, second!, at + frame.info);
  setRegister(task, third!, at + frame.context);
  setRegister(task, abi.stack, at);
  if (abi.return !== "stack") setRegister(task, abi.return, task.process.trampoline);
  for (const name of frame.clear) setRegister(task, name, 0);
  task.cpu.pc = action.handler;
  task.savedMask = null;
  task.blocked |= action.mask | (action.flags & F.SA_NODEFER ? 0n : bitOf(pending.signal));
  if (action.flags & F.SA_RESETHAND) task.process.actions.delete(pending.signal);
  return true;
}

/** rt_sigreturn: the frame at the stack pointer comes back, with whatever the handler changed in it. */
export function leaveHandler(linux: Linux, task: Task): SyscallResult {
  const frame = frameOf(linux);
  const at = linux.stackPointer(task) - frame.popped;
  if (!task.space.memory.allows(at, frame.size, 1)) return fail("EFAULT");
  const bytes = task.space.memory.read(at, frame.size);
  const view = new DataView(bytes.buffer);
  const context = linux.book.struct(frame.layout).decode(view, frame.context);
  const keep = bitOf(linux.signal("SIGKILL")) | bitOf(linux.signal("SIGSTOP"));
  task.blocked = (context.mask as bigint) & ~keep;
  loadRegisters(task, frame, view);
  return { k: "resume" };
}
