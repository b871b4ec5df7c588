import { createServer, type Socket } from "node:net";
import { frame, fromHex, toHex, unpack } from "../../src/oracle/rsp.ts";

/** A machine behind a stub: registers as bytes in the machine's own order, memory, one step. */
export interface StubMachine {
  /** Bytes of `g`. */
  registers(): Uint8Array;
  setRegisters(bytes: Uint8Array): void;
  /** undefined: not there. */
  read(address: number, size: number): Uint8Array | undefined;
  write(address: number, bytes: Uint8Array): boolean;
  /** Signal number; 5 where all went well. */
  step(): number;
}

export interface StubOptions {
  /** Documents by name; "target.xml" first. Absent: the stub has no description. */
  readonly xml?: ReadonlyMap<string, string>;
  /** Sizes of registers in bytes, in the order of `g`, for p and P. */
  readonly sizes: readonly number[];
  readonly memoryMap?: string;
  /** Understands only these packets' first characters. */
  readonly only?: string;
  readonly noAck?: boolean;
  /** Forgets what else is in a read beyond its first packet. */
  readonly forgetful?: boolean;
  /** Packs runs of equal characters. */
  readonly packs?: boolean;
  /** What goes wrong at a step: 1 is the first. */
  readonly spoil?: (step: number) => "hang" | "die" | "garbage" | "short" | undefined;
}

/** Listens on a free port of the loopback; `close` ends it. */
export function serveStub(machine: StubMachine, options: StubOptions): Promise<{ port: number; close: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => undefined);
    new Session(socket, machine, options);
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const close = (): void => {
        for (const s of sockets) s.destroy();
        server.close();
      };
      resolve({ port: typeof address === "object" && address ? address.port : 0, close });
    });
  });
}

class Session {
  private readonly socket: Socket;
  private readonly machine: StubMachine;
  private readonly options: StubOptions;
  private input = Buffer.alloc(0);
  private acks = true;
  private steps = 0;

  constructor(socket: Socket, machine: StubMachine, options: StubOptions) {
    this.socket = socket;
    this.machine = machine;
    this.options = options;
    socket.on("data", (data) => this.receive(data));
  }

  private receive(data: Buffer): void {
    this.input = Buffer.concat([this.input, data]);
    for (;;) {
      const start = this.input.indexOf("$");
      const end = start < 0 ? -1 : this.input.indexOf("#", start);
      if (end < 0 || end + 2 >= this.input.length) return;
      const payload = unpack(Uint8Array.from(this.input.subarray(start + 1, end)));
      this.input = this.options.forgetful ? Buffer.alloc(0) : this.input.subarray(end + 3);
      if (this.acks) this.socket.write("+");
      const answer = payload && this.answer(payload);
      if (answer === "QUIET") this.reply("OK");
      else if (answer !== undefined) this.reply(answer);
      if (answer === "QUIET") this.acks = false;
    }
  }

  private reply(answer: string): void {
    let text = answer;
    // "aaaa" as "a*": the count's character is 29 more than the copies, "#" and "$" are not allowed
    if (this.options.packs) text = text.replace(/(.)\1{3,90}/g, (run: string, c: string) => packed(run.length, c));
    this.socket.write(frame(Uint8Array.from(Buffer.from(text, "latin1"))));
  }

  private answer(payload: Uint8Array): string | undefined {
    const { machine, options } = this;
    const text = Buffer.from(payload).toString("latin1");
    if (options.only !== undefined && !options.only.includes(text[0]!)) return "";
    if (text.startsWith("qSupported")) {
      const offers = ["PacketSize=400"];
      if (options.noAck) offers.push("QStartNoAckMode+");
      if (options.xml) offers.push("qXfer:features:read+");
      if (options.memoryMap) offers.push("qXfer:memory-map:read+");
      return offers.join(";");
    }
    if (text === "QStartNoAckMode") return "QUIET";
    const transfer = /^qXfer:([\w-]+):read:([^:]*):([0-9a-f]+),([0-9a-f]+)$/.exec(text);
    if (transfer) {
      const all = transfer[1] === "features" ? options.xml?.get(transfer[2]!) : options.memoryMap;
      if (all === undefined) return "E00";
      const from = Number.parseInt(transfer[3]!, 16);
      const part = all.slice(from, from + Number.parseInt(transfer[4]!, 16));
      return (from + part.length < all.length ? "m" : "l") + part;
    }
    if (text === "?") return "S05";
    if (text === "g") return toHex(machine.registers());
    if (text[0] === "G") {
      const bytes = fromHex(payload.subarray(1));
      if (bytes?.length !== machine.registers().length) return "E22";
      machine.setRegisters(bytes);
      return "OK";
    }
    const register = /^([pP])([0-9a-f]+)(?:=([0-9a-f]*))?$/.exec(text);
    if (register) return this.register(Number.parseInt(register[2]!, 16), register[3]);
    const access = /^([mMX])([0-9a-f]+),([0-9a-f]+)(:)?/.exec(text);
    if (access) return this.access(access, payload.subarray(access[0].length));
    if (text === "s") return this.step();
    if (text === "D") return "OK";
    return "";
  }

  private register(number: number, value: string | undefined): string {
    const { machine, options } = this;
    const size = options.sizes[number];
    if (size === undefined) return "E01";
    const at = options.sizes.slice(0, number).reduce((a, b) => a + b, 0);
    const all = machine.registers().slice();
    if (value === undefined) return toHex(all.subarray(at, at + size));
    const bytes = fromHex(Buffer.from(value));
    if (bytes?.length !== size) return "E02";
    all.set(bytes, at);
    machine.setRegisters(all);
    return "OK";
  }

  private access(m: RegExpExecArray, rest: Uint8Array): string {
    const address = Number.parseInt(m[2]!, 16);
    const size = Number.parseInt(m[3]!, 16);
    if (m[1] === "m") {
      const bytes = this.machine.read(address, size);
      return bytes ? toHex(bytes) : "E14";
    }
    const bytes = m[1] === "X" ? rest : fromHex(rest);
    if (bytes?.length !== size) return "E22";
    return this.machine.write(address, bytes) ? "OK" : "E14";
  }

  private step(): string | undefined {
    const signal = this.machine.step();
    const spoilt = this.options.spoil?.(++this.steps);
    if (spoilt === "hang") return undefined;
    if (spoilt === "die") this.socket.destroy();
    if (spoilt === "garbage") {
      this.socket.write("$what#00");
      this.socket.write("$what#00");
      return undefined;
    }
    return `T${signal.toString(16).padStart(2, "0")}`;
  }
}

function packed(length: number, c: string): string {
  let left = length - 1;
  let out = c;
  while (left > 0) {
    const n = [left, left - 1].find((k) => k >= 3 && ![35, 36, 43, 45].includes(k + 29));
    if (n === undefined) {
      out += c;
      left--;
    } else {
      out += `*${String.fromCharCode(n + 29)}`;
      left -= n;
    }
  }
  return out;
}
