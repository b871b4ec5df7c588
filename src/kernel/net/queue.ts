import type { Description } from "../files.ts";
import type { SocketAddress } from "./address.ts";

/** Who sent something (SCM_CREDENTIALS, SO_PEERCRED). */
export interface Credentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** Bytes on their way, with what goes along with them. */
export interface Message {
  bytes: Uint8Array;
  readonly from: SocketAddress;
  /** Open files that come with the first byte; each is held once. */
  rights: readonly Description[];
  readonly by: Credentials;
}

/** What a receive took. */
export interface Received {
  /** Bytes put into the buffers. */
  readonly size: number;
  /** Bytes that the message had. */
  readonly whole: number;
  readonly message: Message;
}

/** What waits to be received: a stream of bytes, or whole messages. */
export class ReceiveQueue {
  private readonly messages: Message[] = [];
  /** Bytes held. */
  size = 0;
  /** How often something came, was taken. */
  given = 0;
  taken = 0;
  private readonly stream: boolean;

  constructor(stream: boolean) {
    this.stream = stream;
  }
  get empty(): boolean {
    return this.messages.length === 0;
  }
  get count(): number {
    return this.messages.length;
  }
  /** Bytes of the next message, or of the whole stream. */
  get available(): number {
    return this.stream ? this.size : (this.messages[0]?.bytes.length ?? 0);
  }
  push(message: Message): void {
    this.given++;
    this.messages.push(message);
    this.size += message.bytes.length;
  }
  /** Takes what is there; a message at a time where there are messages. A stream stops before bytes that bring files. */
  take(into: readonly Uint8Array[], peek: boolean): Received | null {
    const first = this.messages[0];
    if (!first) return null;
    if (!peek) this.taken++;
    if (!this.stream) {
      const size = scatter(into, 0, first.bytes);
      if (!peek) this.drop();
      return { size, whole: first.bytes.length, message: first };
    }
    let done = 0;
    const room = into.reduce((sum, part) => sum + part.length, 0);
    for (let i = 0; i < this.messages.length && done < room; ) {
      const message = this.messages[i]!;
      if (done && message.rights.length) break;
      const n = scatter(into, done, message.bytes);
      done += n;
      if (peek) {
        i++;
        continue;
      }
      this.size -= n;
      if (n < message.bytes.length) {
        // A copy of the head keeps the files for this receive; the rest has none.
        this.messages[0] = { ...message, bytes: message.bytes.subarray(n), rights: [] };
        break;
      }
      this.messages.shift();
      if (message.rights.length) break;
    }
    return { size: done, whole: done, message: first };
  }
  private drop(): void {
    this.size -= this.messages.shift()!.bytes.length;
  }
  /** Nobody will receive the rest. */
  clear(): void {
    for (const { rights } of this.messages) for (const file of rights) file.release();
    this.messages.length = 0;
    this.size = 0;
  }
}

/** Puts bytes into buffers from offset `at` of all of them on; returns how many fitted. */
function scatter(into: readonly Uint8Array[], at: number, bytes: Uint8Array): number {
  let skip = at;
  let done = 0;
  for (const part of into) {
    if (skip >= part.length) {
      skip -= part.length;
      continue;
    }
    const n = Math.min(part.length - skip, bytes.length - done);
    part.set(bytes.subarray(done, done + n), skip);
    done += n;
    skip = 0;
    if (done === bytes.length) break;
  }
  return done;
}
