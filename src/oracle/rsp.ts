import { OracleError } from "./oracle.ts";

/**
 * The GDB remote serial protocol's packets (GDB manual, appendix E): `$payload#checksum`, `}` escapes, `*` repeats;
 * a client that asks and is answered in order.
 */

/** A connection that carries bytes. */
export interface Link {
  write(bytes: Uint8Array): void;
  /** Called once, before anything is written. `end` has the reason, if any. */
  listen(data: (bytes: Uint8Array) => void, end: (why: string) => void): void;
  close(): void;
}

const [DOLLAR, HASH, ESCAPE, REPEAT, PERCENT, PLUS, MINUS] = [..."$#}*%+-"].map((c) => c.charCodeAt(0));
const INTERRUPT = Uint8Array.of(3);
/** A longer packet than this is no answer to anything we ask. */
const LONGEST = 1 << 22;
const HEX = new TextEncoder().encode("0123456789abcdef");

export const ascii = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0) & 255);
export const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes.subarray(0, 65536));

export function frame(payload: Uint8Array): Uint8Array {
  const out = new Uint8Array(payload.length + 4);
  let sum = 0;
  out[0] = DOLLAR!;
  for (let i = 0; i < payload.length; i++) {
    sum += payload[i]!;
    out[i + 1] = payload[i]!;
  }
  out[payload.length + 1] = HASH!;
  out[payload.length + 2] = HEX[(sum >> 4) & 15]!;
  out[payload.length + 3] = HEX[sum & 15]!;
  return out;
}

/** `head` and data with the bytes that mean something to the protocol escaped. */
export function binary(head: string, data: Uint8Array): Uint8Array {
  const out = [...ascii(head)];
  for (const b of data) {
    if (b === DOLLAR || b === HASH || b === ESCAPE || b === REPEAT) out.push(ESCAPE!, b ^ 0x20);
    else out.push(b);
  }
  return Uint8Array.from(out);
}

/** Undoes escapes and repeats. undefined: the payload is no such thing. */
export function unpack(payload: Uint8Array): Uint8Array | undefined {
  if (!payload.includes(ESCAPE!) && !payload.includes(REPEAT!)) return payload;
  const out: number[] = [];
  for (let i = 0; i < payload.length; i++) {
    const b = payload[i]!;
    if (b === ESCAPE) {
      if (++i >= payload.length) return undefined;
      out.push(payload[i]! ^ 0x20);
    } else if (b === REPEAT) {
      // The count's character is 29 more than the further copies (E.4: "0* " is "0000")
      const n = (payload[++i] ?? 0) - 29;
      const last = out.at(-1);
      if (n < 1 || n > 97 || last === undefined) return undefined;
      for (let k = 0; k < n; k++) out.push(last);
    } else out.push(b);
  }
  return Uint8Array.from(out);
}

export function toHex(bytes: Uint8Array): string {
  let out = "";
  for (const b of bytes) out += (b < 16 ? "0" : "") + b.toString(16);
  return out;
}

/** Bytes of hex digits. undefined: something else is among them ("xx": a register that is not available, reads as 0). */
export function fromHex(payload: Uint8Array): Uint8Array | undefined {
  if (payload.length % 2 !== 0) return undefined;
  const out = new Uint8Array(payload.length / 2);
  for (let i = 0; i < out.length; i++) {
    const hi = digit(payload[2 * i]!);
    const lo = digit(payload[2 * i + 1]!);
    if (hi < 0 || lo < 0) return undefined;
    out[i] = (hi << 4) | lo;
  }
  return out;
}
function digit(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  if (c >= 97 && c <= 102) return c - 87;
  if (c >= 65 && c <= 70) return c - 55;
  return c === 120 ? 0 : -1;
}

/** How far ahead of its answers a client may write. */
export type Ahead =
  /** One question at a time. */
  | "serial"
  /** Freely, but nothing behind a step until it has ended. */
  | "step"
  /** Freely. */
  | "free";

interface Pending {
  readonly payload: Uint8Array;
  readonly resumes: boolean;
  readonly answer: (payload: Uint8Array) => void;
  readonly fail: (error: OracleError) => void;
}

/** Asks and is answered, in order. */
export class Rsp {
  ahead: Ahead = "serial";
  /** Milliseconds without an answer that count as hanging. */
  patience: number;
  private acks = true;
  private readonly link: Link;
  private readonly queue: Pending[] = [];
  /** Questions that are on their way; the oldest first. */
  private readonly asked: Pending[] = [];
  private askedAt = 0;
  private out: Uint8Array[] = [];
  private flushing = false;
  private input = new Uint8Array(65536);
  private have = 0;
  private dead: OracleError | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(link: Link, patience: number) {
    this.link = link;
    this.patience = patience;
    link.listen(
      (bytes) => this.receive(bytes),
      (why) =>
        this.die(new OracleError("ORACLE_DIED", `the stub closed the connection${why === "" ? "" : `: ${why}`}`)),
    );
  }

  ask(payload: string | Uint8Array, resumes = false): Promise<Uint8Array> {
    const bytes = typeof payload === "string" ? ascii(payload) : payload;
    const answered = new Promise<Uint8Array>((answer, fail) => {
      if (this.dead) {
        fail(this.dead);
        return;
      }
      this.queue.push({ payload: bytes, resumes, answer, fail });
      this.pump();
    });
    // Of many questions asked together only the first to fail is waited for
    answered.catch(() => undefined);
    return answered;
  }

  async askText(payload: string | Uint8Array): Promise<string> {
    return text(await this.ask(payload));
  }

  /** Whether packets are acknowledged. */
  get acknowledges(): boolean {
    return this.acks;
  }

  /** From now on nobody acknowledges packets (E.9). */
  stopAcks(): void {
    this.acks = false;
  }

  /** Ctrl-C: the answer is that of the step that runs. */
  interrupt(): void {
    this.link.write(INTERRUPT);
  }

  /**
   * Gives up what was asked and waits until nothing comes any more; for probes that may confuse a stub. Ends the
   * connection for no one.
   */
  async drain(quiet: number): Promise<void> {
    const gone = new OracleError("ORACLE_HANGS", "given up");
    for (const p of [...this.asked.splice(0), ...this.queue.splice(0)]) p.fail(gone);
    this.watch();
    for (let before = -1; before !== this.received; ) {
      before = this.received;
      await new Promise((go) => setTimeout(go, quiet));
    }
    this.have = 0;
  }
  private received = 0;

  close(): void {
    this.die(new OracleError("ORACLE_DIED", "the connection was closed"));
  }

  private pump(): void {
    while (this.queue.length > 0) {
      if (this.asked.length > 0) {
        if (this.ahead === "serial") break;
        if (this.ahead === "step" && this.asked.some((p) => p.resumes)) break;
      }
      const next = this.queue.shift()!;
      if (this.asked.length === 0) this.askedAt = Date.now();
      this.asked.push(next);
      this.send(frame(next.payload));
    }
    this.watch();
  }

  /** Writes of one turn go out together: a packet each would cost a system call each. */
  private send(bytes: Uint8Array): void {
    this.out.push(bytes);
    if (this.flushing) return;
    this.flushing = true;
    queueMicrotask(() => {
      this.flushing = false;
      const size = this.out.reduce((n, b) => n + b.length, 0);
      const all = new Uint8Array(size);
      let at = 0;
      for (const b of this.out) {
        all.set(b, at);
        at += b.length;
      }
      this.out = [];
      if (!this.dead) this.link.write(all);
    });
  }

  private watch(): void {
    if (this.asked.length === 0) {
      clearTimeout(this.timer);
      this.timer = undefined;
    } else this.timer ??= setTimeout(() => this.look(), this.patience);
  }

  private look(): void {
    this.timer = undefined;
    if (this.asked.length === 0) return;
    const left = this.askedAt + this.patience - Date.now();
    if (left > 0) {
      this.timer = setTimeout(() => this.look(), left);
      return;
    }
    const what = text(this.asked[0]!.payload.subarray(0, 24)).replace(/[^ -~]/g, ".");
    this.die(new OracleError("ORACLE_HANGS", `no answer to "${what}" within ${this.patience} ms`));
  }

  private die(error: OracleError): void {
    if (this.dead) return;
    this.dead = error;
    clearTimeout(this.timer);
    for (const p of [...this.asked.splice(0), ...this.queue.splice(0)]) p.fail(error);
    this.link.close();
  }

  private receive(bytes: Uint8Array): void {
    this.received += bytes.length;
    if (this.have + bytes.length > this.input.length) {
      if (this.have + bytes.length > LONGEST) {
        this.die(garbage("a packet without an end"));
        return;
      }
      const wider = new Uint8Array(2 * (this.have + bytes.length));
      wider.set(this.input.subarray(0, this.have));
      this.input = wider;
    }
    this.input.set(bytes, this.have);
    this.have += bytes.length;
    let at = 0;
    while (at < this.have && !this.dead) {
      const c = this.input[at];
      if (c !== DOLLAR && c !== PERCENT) {
        // Acknowledgements, and whatever noise a serial line has between packets
        if (c === MINUS && this.acks && this.asked.length > 0) this.again();
        at++;
        continue;
      }
      const end = this.input.indexOf(HASH!, at);
      if (end < 0 || end + 2 >= this.have) break;
      const payload = this.input.slice(at + 1, end);
      const right = checksum(payload) === (digit(this.input[end + 1]!) << 4) + digit(this.input[end + 2]!);
      at = end + 3;
      if (c === PERCENT) continue;
      this.packet(payload, right);
    }
    this.input.copyWithin(0, at, this.have);
    this.have -= at;
  }

  private retries = 0;
  /** The stub did not understand: say it again, a few times. */
  private again(): void {
    if (++this.retries > 3) this.die(garbage("the stub refuses our packets"));
    else for (const p of this.asked) this.send(frame(p.payload));
  }

  private packet(raw: Uint8Array, right: boolean): void {
    if (this.acks) this.send(Uint8Array.of(right ? PLUS! : MINUS!));
    if (!right) {
      if (!this.acks || ++this.retries > 3) this.die(garbage("a packet with a wrong checksum"));
      return;
    }
    const payload = unpack(raw);
    if (payload === undefined) {
      this.die(garbage("a packet whose escapes or repeats are wrong"));
      return;
    }
    const first = this.asked[0];
    if (first === undefined) return; // an answer to what was given up
    // While it runs, a stub may print (`O` and hex)
    if (first.resumes && payload[0] === 0x4f && payload.length > 2) return;
    this.retries = 0;
    this.asked.shift();
    this.askedAt = Date.now();
    first.answer(payload);
    this.pump();
  }
}

function checksum(payload: Uint8Array): number {
  let sum = 0;
  for (const b of payload) sum += b;
  return sum & 255;
}

const garbage = (what: string): OracleError => new OracleError("ORACLE_GARBAGE", what);
