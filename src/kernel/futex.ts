/** A task that waits on a word of memory (futex(2)). */
export interface FutexWaiter {
  /** Where it waits; moved by a requeue. */
  queue: Futexes;
  key: number;
  readonly bits: number;
  woken: boolean;
  readonly tid: number;
}

/** Waiters in the order they came, by address, or by offset in what processes share. Lists may be empty. */
export type Futexes = Map<number, FutexWaiter[]>;

/**
 * Addresses whose lists are kept for next time. A list made and deleted each time keeps JavaScript's tables moving, and
 * what an old table holds stays until the whole heap is looked through.
 */
const KEPT = 256;

function trim(queue: Futexes, key: number, list: readonly FutexWaiter[]): void {
  if (!list.length && queue.size > KEPT) queue.delete(key);
}

export function enqueue(waiter: FutexWaiter): void {
  const list = waiter.queue.get(waiter.key);
  if (list) list.push(waiter);
  else waiter.queue.set(waiter.key, [waiter]);
}

export function dequeue(waiter: FutexWaiter): void {
  const list = waiter.queue.get(waiter.key);
  const at = list ? list.indexOf(waiter) : -1;
  if (at < 0) return;
  list!.splice(at, 1);
  trim(waiter.queue, waiter.key, list!);
}

/** Wakes up to `most` waiters that have one of `bits`. */
export function wakeAt(queue: Futexes, key: number, most: number, bits: number): number {
  const list = queue.get(key);
  if (!list) return 0;
  let woken = 0;
  for (let i = 0; i < list.length && woken < most; ) {
    const waiter = list[i]!;
    if (!(waiter.bits & bits)) {
      i++;
      continue;
    }
    list.splice(i, 1);
    waiter.woken = true;
    woken++;
  }
  trim(queue, key, list);
  return woken;
}

/** Moves up to `most` waiters elsewhere. */
export function requeue(queue: Futexes, key: number, most: number, to: Futexes, toKey: number): number {
  const list = queue.get(key);
  if (!list) return 0;
  const moved = list.splice(0, Math.max(0, most));
  trim(queue, key, list);
  for (const waiter of moved) {
    waiter.queue = to;
    waiter.key = toKey;
    enqueue(waiter);
  }
  return moved.length;
}
