import type { Host, HostStream } from "../host/host.ts";
import { HostError } from "../host/host.ts";
import { F } from "./flags.ts";
import type { TerminalSettings } from "./fs/inode.ts";
import type { Kernel } from "./kernel.ts";
import { type Sink, Tty } from "./tty.ts";

/** Nanoseconds between looks at the host's window size. */
const RESIZE_EVERY = 200_000_000n;
/** Between looks for typed signals while nobody reads. */
const LOOK_EVERY = 20_000_000n;

/** Output to a stream of the host. */
export class StreamSink implements Sink {
  private readonly out: HostStream;
  constructor(out: HostStream) {
    this.out = out;
  }
  take(bytes: Uint8Array): number {
    return this.out.write(bytes);
  }
}

/**
 * The host's terminal as the guest's. Until the guest reads from it or changes it, the host's own line discipline stays
 * in charge, so that a plain program costs nothing and ^C ends the whole run; from then on it is handed through raw, and
 * editing, echo and signals are the guest's terminal's.
 */
export class HostTty extends Tty {
  private readonly typed: HostStream | null;
  private readonly out: HostStream;
  private readonly host: Host;
  /** The guest's discipline is in charge: what is typed may be a signal at any time. */
  engaged = false;
  private looked = 0n;
  private sized: bigint = 0n;

  constructor(kernel: Kernel, host: Host) {
    const out = [host.stdout, host.stderr, host.stdin].find((stream) => stream.isTerminal)!;
    super(kernel, 0, new StreamSink(out));
    this.out = out;
    this.host = host;
    this.typed = host.stdin.isTerminal ? host.stdin : null;
    this.size = out.windowSize() ?? { rows: 24, columns: 80 };
  }
  override get settings(): TerminalSettings {
    return this.kept;
  }
  override set settings(value: TerminalSettings) {
    this.kept = value;
    if (this.typed) this.engage();
  }
  override windowSize(): { rows: number; columns: number } {
    this.sized = 0n;
    this.resized();
    return super.windowSize();
  }

  private engage(): void {
    if (this.engaged || !this.typed) return;
    this.engaged = true;
    this.typed.setRaw?.(true);
  }

  /** The run goes on at another terminal, which is as it is. */
  resume(): void {
    const { engaged } = this;
    this.engaged = false;
    this.looked = this.sized = 0n;
    if (engaged) this.engage();
  }

  override read(into: Uint8Array): number {
    this.engage();
    return super.read(into);
  }
  /** The host still turns newlines into what its terminal wants. */
  override write(from: Uint8Array): number {
    if (this.engaged && this.typed?.setRaw) return super.write(from);
    if (this.settings.lflag & F.TOSTOP && this.background("SIGTTOU")) return -1;
    return this.out.write(from);
  }

  /** Takes in what was typed, without waiting. */
  pump(): void {
    const { typed } = this;
    if (!typed) return;
    this.engage();
    this.resized();
    const bytes = new Uint8Array(1024);
    while (this.room > 0 && typed.readable()) {
      let n: number;
      try {
        n = typed.read(bytes.subarray(0, Math.min(bytes.length, this.room)));
      } catch (error) {
        if (error instanceof HostError && error.code === "EAGAIN") return;
        n = 0;
      }
      if (n === 0) {
        this.hungUp = true;
        return;
      }
      this.input(bytes.subarray(0, n));
    }
  }

  /** Now and then, while programs compute: ^C and the like, and the window's size. */
  look(): void {
    if (!this.engaged) return;
    const now = this.host.monotonic();
    if (now - this.looked < LOOK_EVERY) return;
    this.looked = now;
    this.pump();
  }
  private resized(): void {
    const now = this.host.monotonic();
    if (now - this.sized < RESIZE_EVERY) return;
    this.sized = now;
    const size = this.out.windowSize();
    if (size) this.resize(size);
  }
}
