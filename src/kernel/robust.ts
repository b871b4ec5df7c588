import { GuestFault } from "../memory/memory.ts";
import { wakeAt } from "./futex.ts";
import type { Task } from "./process.ts";

/*
 * Robust futexes (Linux's Documentation/locking/robust-futexes.rst): a thread that ends gives up the locks on its list.
 */

const OWNER_DIED = 0x40000000;
const WAITERS = 0x80000000;
const TID = 0x3fffffff;
/** Entries looked at, as Linux limits it: the list is the program's own and may be a ring. */
const MOST = 2048;

/** Marks what the thread holds as left by a dead owner and wakes one waiter each. */
export function releaseRobust(task: Task): void {
  const { head } = task.robustList;
  if (head === 0) return;
  task.robustList = { head: 0, size: 0 };
  const { memory } = task.space;
  try {
    const offset = memory.u32(head + 8) | 0;
    const pending = memory.u64(head + 16);
    let entry = memory.u64(head);
    for (let n = 0; entry !== head && n < MOST; n++) {
      const at = entry - (entry % 2);
      const next = memory.u64(at);
      if (entry !== pending) release(task, at + offset);
      entry = next;
    }
    if (pending) release(task, pending - (pending % 2) + offset);
  } catch (error) {
    if (!(error instanceof GuestFault)) throw error;
  }
}

function release(task: Task, address: number): void {
  const { memory } = task.space;
  const word = memory.u32(address);
  if ((word & TID) !== task.tid) return;
  memory.setU32(address, ((word & WAITERS) | OWNER_DIED) >>> 0);
  if (word & WAITERS) {
    const { queue, key } = task.space.futexAt(address);
    wakeAt(queue, key, 1, 0xffffffff);
  }
}
