import type { Host } from "../host/host.ts";

/** Something that happens at a time: timers of processes, timerfd. Times are the monotonic clock's, in nanoseconds. */
export class Timer {
  /** Next expiry; null: not armed. */
  at: bigint | null = null;
  every = 0n;
  /** Expiries that nobody was told of yet. */
  expired = 0n;

  arm(at: bigint, every: bigint): void {
    this.at = at;
    this.every = every;
    this.expired = 0n;
  }
  disarm(): void {
    this.at = null;
    this.every = 0n;
    this.expired = 0n;
  }
  /** Counts what happened by `now`. */
  advance(now: bigint): bigint {
    if (this.at === null || now < this.at) return 0n;
    const times = this.every ? (now - this.at) / this.every + 1n : 1n;
    this.expired += times;
    this.at = this.every ? this.at + times * this.every : null;
    return times;
  }
  left(now: bigint): bigint {
    if (this.at === null) return 0n;
    return this.at > now ? this.at - now : 1n;
  }
}

/** A timer of timer_create. */
export interface ProcessTimer {
  readonly timer: Timer;
  readonly clock: string;
  /** Expiries that the last signal did not tell of. */
  overrun: number;
}

/** All timers of a sandbox. */
export class Timers {
  private readonly host: Host;
  private readonly all = new Map<Timer, (times: bigint) => void>();

  constructor(host: Host) {
    this.host = host;
  }
  /** `ring` is told of expiries, when the kernel comes to it. */
  add(timer: Timer, ring: (times: bigint) => void = () => {}): void {
    this.all.set(timer, ring);
  }
  remove(timer: Timer): void {
    this.all.delete(timer);
  }
  get empty(): boolean {
    return this.all.size === 0;
  }
  /** Rings what is due. */
  run(): void {
    if (!this.all.size) return;
    const now = this.host.monotonic();
    for (const [timer, ring] of this.all) {
      const times = timer.advance(now);
      if (times) ring(times);
    }
  }
  /** When the next one rings. */
  next(): bigint | null {
    let next: bigint | null = null;
    for (const { at } of this.all.keys()) if (at !== null && (next === null || at < next)) next = at;
    return next;
  }
}
