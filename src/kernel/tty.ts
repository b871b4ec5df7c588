import { F } from "./flags.ts";
import type { Terminal, TerminalSettings } from "./fs/inode.ts";
import { WOULD_BLOCK } from "./fs/inode.ts";
import type { Kernel } from "./kernel.ts";
import { posix } from "./posix.ts";
import type { Process } from "./process.ts";
import { bitOf, ignored, SI, send } from "./signals.ts";
import { Timer } from "./timers.ts";

/*
 * A terminal (termios(3)): what is typed is edited, echoed and cut into lines, or handed through; certain characters
 * are signals. The other side is a pseudo-terminal's master, or the host's own terminal.
 */

/** Places of the special characters (POSIX General Terminal Interface 11.1.9; in Linux's order). */
const V = {
  INTR: 0,
  QUIT: 1,
  ERASE: 2,
  KILL: 3,
  EOF: 4,
  TIME: 5,
  MIN: 6,
  START: 8,
  STOP: 9,
  SUSP: 10,
  EOL: 11,
  REPRINT: 12,
  WERASE: 14,
  LNEXT: 15,
  EOL2: 16,
} as const;

/** A fresh terminal (stty sane): ICRNL IXON, OPOST ONLCR, B38400 CS8 CREAD, ISIG ICANON ECHO ... */
export const SANE: TerminalSettings = {
  iflag: F.ICRNL | F.IXON,
  oflag: F.OPOST | F.ONLCR,
  cflag: 0xbf,
  lflag: F.ISIG | F.ICANON | F.ECHO | F.ECHOE | F.ECHOK | F.ECHOCTL | F.ECHOKE | F.IEXTEN,
  line: 0,
  cc: [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0],
};

const NL = 10;
const CR = 13;
const BS = 8;
const TAB = 9;
/** No special character: _POSIX_VDISABLE. */
const DISABLED = 0;
/** Bytes that a line, and unread input, may have (N_TTY_BUF_SIZE). */
const MOST_INPUT = 4096;

/** Where a terminal's output goes. */
export interface Sink {
  /** Returns bytes taken. */
  take(bytes: Uint8Array): number;
}

export class Tty implements Terminal {
  protected kept: TerminalSettings = SANE;
  size: { rows: number; columns: number } | null = null;
  foreground = 0;
  session = 0;
  /** Name in /dev: "pts/0". */
  readonly name: string;
  readonly number: number;
  /** The other side is gone. */
  hungUp = false;
  /** Output is stopped (^S). */
  private held = false;
  private readonly kernel: Kernel;
  private readonly sink: Sink;
  /** The line being edited. */
  private line: number[] = [];
  /** Whole lines, or all there is without ICANON; an empty one is an end of file. */
  private ready: Uint8Array[] = [];
  private literal = false;
  /** Goes up with what arrives. */
  arrived = 0;
  /** Waits between characters (VTIME). */
  private readonly timer = new Timer();

  constructor(kernel: Kernel, number: number, sink: Sink) {
    this.kernel = kernel;
    this.number = number;
    this.name = `pts/${number}`;
    this.sink = sink;
    kernel.terminals.add(this);
  }
  get settings(): TerminalSettings {
    return this.kept;
  }
  set settings(value: TerminalSettings) {
    this.kept = value;
  }
  windowSize(): { rows: number; columns: number } {
    return this.size ?? { rows: 0, columns: 0 };
  }
  resize(size: { rows: number; columns: number }): void {
    if (this.size?.rows === size.rows && this.size.columns === size.columns) return;
    this.size = size;
    this.signal("SIGWINCH");
  }

  // Input: from the other side

  input(bytes: Uint8Array): void {
    for (const byte of bytes) this.character(byte);
  }
  get room(): number {
    return Math.max(0, MOST_INPUT - this.line.length - this.ready.reduce((sum, part) => sum + part.length, 0));
  }

  private character(raw: number): void {
    const { iflag, lflag, cc } = this.settings;
    let c = iflag & F.ISTRIP ? raw & 0x7f : raw;
    const special = (which: number): boolean => cc[which] === c && c !== DISABLED;
    if (this.literal) {
      this.literal = false;
      this.keep(c);
      return;
    }
    if (c === CR) {
      if (iflag & F.IGNCR) return;
      if (iflag & F.ICRNL) c = NL;
    } else if (c === NL && iflag & F.INLCR) c = CR;
    if (iflag & F.IXON) {
      if (special(V.STOP)) {
        this.held = true;
        return;
      }
      if (special(V.START) || (this.held && iflag & F.IXANY)) {
        this.held = false;
        if (special(V.START)) return;
      }
    }
    if (lflag & F.ISIG) {
      const name = special(V.INTR) ? "SIGINT" : special(V.QUIT) ? "SIGQUIT" : special(V.SUSP) ? "SIGTSTP" : "";
      if (name) {
        if (!(lflag & F.NOFLSH)) this.flushInput();
        this.held = false;
        this.echo(c);
        this.signal(name);
        return;
      }
    }
    if (lflag & F.ICANON) this.edit(c, special);
    else {
      this.echo(c);
      this.ready.push(Uint8Array.of(c));
      this.arrived++;
    }
  }

  private edit(c: number, special: (which: number) => boolean): void {
    const { lflag } = this.settings;
    if (special(V.ERASE)) this.rubOut(1);
    else if (special(V.KILL)) {
      this.rubOut(this.line.length);
    } else if (special(V.WERASE) && lflag & F.IEXTEN) this.rubOut(this.wordLength());
    else if (special(V.LNEXT) && lflag & F.IEXTEN) {
      this.literal = true;
      if (lflag & F.ECHO && lflag & F.ECHOCTL) this.put([0x5e, BS]);
    } else if (special(V.REPRINT) && lflag & F.IEXTEN) {
      this.echo(c);
      this.put([NL, ...this.line]);
    } else if (special(V.EOF)) this.finish();
    else if (c === NL) {
      if (lflag & (F.ECHO | F.ECHONL)) this.put([NL]);
      this.line.push(c);
      this.finish();
    } else if (special(V.EOL) || (special(V.EOL2) && lflag & F.IEXTEN)) {
      this.echo(c);
      this.line.push(c);
      this.finish();
    } else this.keep(c);
  }

  private keep(c: number): void {
    if (this.line.length >= MOST_INPUT - 1) {
      this.put([7]);
      return;
    }
    this.echo(c);
    if (this.settings.lflag & F.ICANON) this.line.push(c);
    else this.ready.push(Uint8Array.of(c));
    this.arrived++;
  }
  private finish(): void {
    this.ready.push(Uint8Array.from(this.line));
    this.line = [];
    this.arrived++;
  }

  /** Characters to take off the line's end so that a byte sequence of UTF-8 goes as one. */
  private lastLength(): number {
    let n = 1;
    if (this.settings.iflag & F.IUTF8)
      while (n < this.line.length && (this.line[this.line.length - n]! & 0xc0) === 0x80) n++;
    return n;
  }
  private wordLength(): number {
    let at = this.line.length;
    const word = (c: number): boolean =>
      (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122) || c === 95 || c >= 128;
    while (at > 0 && !word(this.line[at - 1]!)) at--;
    while (at > 0 && word(this.line[at - 1]!)) at--;
    return this.line.length - at;
  }
  private rubOut(count: number): void {
    const { lflag } = this.settings;
    for (let n = 0; n < count && this.line.length; ) {
      const length = this.lastLength();
      const gone = this.line.splice(-length);
      n += length;
      if (!(lflag & F.ECHO)) continue;
      if (!(lflag & F.ECHOE)) {
        this.echo(this.settings.cc[V.ERASE]!);
        continue;
      }
      const columns = gone[0]! < 32 && gone[0] !== TAB && lflag & F.ECHOCTL ? 2 : 1;
      for (let i = 0; i < columns; i++) this.put([BS, 32, BS]);
    }
  }
  private echo(c: number): void {
    const { lflag } = this.settings;
    if (!(lflag & F.ECHO)) return;
    if (lflag & F.ECHOCTL && ((c < 32 && c !== TAB && c !== NL) || c === 127)) this.put([0x5e, c ^ 0x40]);
    else this.put([c]);
  }
  private put(bytes: readonly number[]): void {
    this.sink.take(this.processed(Uint8Array.from(bytes)));
  }

  flushInput(): void {
    this.line = [];
    this.ready = [];
  }

  // The process's side

  /** Bytes read, 0 at an end of file, or WOULD_BLOCK. */
  read(into: Uint8Array): number {
    if (this.background("SIGTTIN")) return WOULD_BLOCK;
    if (into.length === 0) return 0;
    const first = this.ready[0];
    if (!first) return this.hungUp ? 0 : this.none();
    if (!this.canonical) return this.readRaw(into);
    const n = Math.min(first.length, into.length);
    into.set(first.subarray(0, n));
    if (n < first.length) this.ready[0] = first.subarray(n);
    else this.ready.shift();
    return n;
  }
  private get canonical(): boolean {
    return (this.settings.lflag & F.ICANON) !== 0;
  }
  private readRaw(into: Uint8Array): number {
    const least = Math.min(this.settings.cc[V.MIN]!, into.length);
    if (this.settings.cc[V.TIME] === 0 && this.available() < least && !this.hungUp) return WOULD_BLOCK;
    let done = 0;
    while (done < into.length && this.ready.length) {
      const part = this.ready[0]!;
      const n = Math.min(part.length, into.length - done);
      into.set(part.subarray(0, n), done);
      done += n;
      if (n < part.length) this.ready[0] = part.subarray(n);
      else this.ready.shift();
    }
    this.timer.disarm();
    return done;
  }
  /** Nothing there: without ICANON, MIN and TIME say how long to wait (termios(3)). */
  private none(): number {
    const { cc } = this.settings;
    if (this.canonical || cc[V.MIN]! > 0) return WOULD_BLOCK;
    if (cc[V.TIME] === 0) return 0;
    const now = this.kernel.host.monotonic();
    if (this.timer.expired) {
      this.timer.disarm();
      this.kernel.timers.remove(this.timer);
      return 0;
    }
    if (this.timer.at === null) {
      this.timer.arm(now + BigInt(cc[V.TIME]!) * 100_000_000n, 0n);
      this.kernel.timers.add(this.timer);
    }
    return WOULD_BLOCK;
  }
  available(): number {
    if (this.canonical) return this.ready[0]?.length ?? 0;
    return this.ready.reduce((sum, part) => sum + part.length, 0);
  }
  readable(): boolean {
    if (this.hungUp || (this.canonical && this.ready.length)) return true;
    return !this.canonical && this.available() >= Math.max(1, this.settings.cc[V.TIME] ? 1 : this.settings.cc[V.MIN]!);
  }

  write(from: Uint8Array): number {
    if (this.hungUp) throw posix("EIO");
    if (this.settings.lflag & F.TOSTOP && this.background("SIGTTOU")) return WOULD_BLOCK;
    if (this.held) return WOULD_BLOCK;
    if (!(this.settings.oflag & F.OPOST)) return this.sink.take(from) || (from.length ? WOULD_BLOCK : 0);
    // What grows as it is processed goes out in parts.
    const part = from.subarray(0, 1024);
    return this.sink.take(this.processed(part)) ? part.length : from.length ? WOULD_BLOCK : 0;
  }
  private processed(bytes: Uint8Array): Uint8Array {
    const { oflag } = this.settings;
    if (!(oflag & F.OPOST)) return bytes;
    const out: number[] = [];
    for (const byte of bytes) {
      if (byte === NL && oflag & F.ONLCR) out.push(CR, NL);
      else if (byte === CR && oflag & F.OCRNL) out.push(NL);
      else out.push(byte);
    }
    return Uint8Array.from(out);
  }

  // Job control

  /** Signals the foreground group. */
  signal(name: string): void {
    if (!this.foreground) return;
    for (const process of this.kernel.processes.values())
      if (process.pgid === this.foreground && !process.exit)
        send(process, { signal: process.personality.signal(name), code: SI.KERNEL });
  }

  /**
   * True where the process that runs is in the background of this its terminal: its group is signalled, and it is to try
   * again. Throws EIO where that signal cannot be.
   */
  background(name: "SIGTTIN" | "SIGTTOU"): boolean {
    const process = this.kernel.running?.process;
    if (!process || !this.session || process.sid !== this.session || process.pgid === this.foreground) return false;
    const signal = process.personality.signal(name);
    const mute = ignored(process, signal) || (this.kernel.running!.blocked & bitOf(signal)) !== 0n;
    if (mute && name === "SIGTTOU") return false;
    if (mute || this.kernel.orphaned(process.pgid)) throw posix("EIO");
    for (const other of this.kernel.processes.values())
      if (other.pgid === process.pgid && !other.exit) send(other, { signal, code: SI.KERNEL });
    return true;
  }

  /** Becomes the terminal of a session. */
  control(process: Process): void {
    this.session = process.sid;
    this.foreground = process.pgid;
  }

  /** The other side went away. */
  hangUp(): void {
    this.hungUp = true;
    this.arrived++;
    const leader = this.kernel.processes.get(this.session);
    for (const target of [leader]) {
      if (!target || target.exit) continue;
      for (const name of ["SIGHUP", "SIGCONT"])
        send(target, { signal: target.personality.signal(name), code: SI.KERNEL });
    }
    this.signal("SIGHUP");
  }
}
