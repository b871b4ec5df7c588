import type { Host } from "../host/host.ts";
import type { Process, Task } from "./process.ts";
import { type Pending, raise, SI, send } from "./signals.ts";

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

/** What happens when a timer expires; told how often it did. */
export interface Ring {
  ring(times: bigint): void;
}

/** ITIMER_REAL: SIGALRM. */
export class Alarm implements Ring {
  private readonly process: Process;
  constructor(process: Process) {
    this.process = process;
  }
  ring(): void {
    send(this.process, { signal: this.process.personality.signal("SIGALRM"), code: SI.KERNEL });
  }
}

/** How a timer of timer_create tells of its end. */
export interface TimerEvent {
  /** 0: nothing is sent. */
  readonly signal: number;
  readonly value: bigint;
  /** The one thread that is told; null: the process. */
  readonly target: Task | null;
}

/** A timer of timer_create. */
export class ProcessTimer implements Ring {
  readonly timer = new Timer();
  readonly clock: string;
  /** Expiries that the last signal did not tell of. */
  overrun = 0;
  private readonly process: Process;
  private readonly number: number;
  private readonly event: TimerEvent;
  constructor(process: Process, number: number, clock: string, event: TimerEvent) {
    this.process = process;
    this.number = number;
    this.clock = clock;
    this.event = event;
  }
  ring(times: bigint): void {
    const { process, number } = this;
    const { signal, value, target } = this.event;
    this.timer.expired = 0n;
    if (!signal) return;
    const pending: Pending = { signal, code: SI.TIMER, timer: number, value };
    const queue = target ? target.pending : process.pending;
    const waits = queue.some((p) => p.timer === number && p.code === SI.TIMER);
    this.overrun = waits ? this.overrun + Number(times) : Number(times) - 1;
    if (waits) return;
    if (target && target.state.k !== "dead") raise(target, pending);
    else send(process, pending);
  }
}

/** All timers of a sandbox. */
export class Timers {
  private readonly host: Host;
  private readonly all = new Map<Timer, Ring | null>();

  constructor(host: Host) {
    this.host = host;
  }
  /** `ring` is told of expiries, when the kernel comes to it. */
  add(timer: Timer, ring: Ring | null = null): void {
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
      if (times) ring?.ring(times);
    }
  }
  /** When the next one rings. */
  next(): bigint | null {
    let next: bigint | null = null;
    for (const { at } of this.all.keys()) if (at !== null && (next === null || at < next)) next = at;
    return next;
  }
}
