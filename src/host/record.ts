import {
  type Host,
  type HostConnection,
  HostError,
  type HostFile,
  type HostFs,
  type HostNet,
  type HostStream,
} from "./host.ts";

/*
 * Record and replay. Threads and processes take turns by fuel and by what the host answers, so a run is told wholly by
 * those answers: a recording is the list of them, a line each, and a replay gives them again in the same order without
 * asking the host. Output to the standard streams is made anew.
 *
 * A line is JSON: [what was called, its result, bytes it filled in as hex] or [what was called, null, null, error].
 */

type Line = readonly [what: string, result: unknown, bytes?: string | null, error?: string];

/** The replayed program asked for something else than the recorded one: not the same program, options or SAGE. */
export class ReplayDiverged extends Error {}

/** Answers of the host: asked for and written down, or read back. */
interface Answers {
  /** `into`: where bytes are filled in; those up to the result, or all of them, are kept. */
  answer<T>(what: string, ask: () => T, into?: Uint8Array): T;
  /** For output: made in both cases. */
  output(what: string, make: () => number): number;
  /** Something for its own sake: not when replaying. */
  readonly replays: boolean;
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

function unhex(text: string, into: Uint8Array): void {
  for (let i = 0; i < text.length / 2; i++) into[i] = Number.parseInt(text.slice(i * 2, i * 2 + 2), 16);
}

/** Numbers beyond a double's are written with an n behind them. */
const pack = (_key: string, value: unknown): unknown => (typeof value === "bigint" ? `${value}n` : value);
const unpack = (_key: string, value: unknown): unknown =>
  typeof value === "string" && /^-?\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value;

class Recorder implements Answers {
  readonly replays = false;
  private readonly write: (line: string) => void;
  constructor(write: (line: string) => void) {
    this.write = write;
  }
  private line(line: Line): void {
    this.write(JSON.stringify(line, pack));
  }
  answer<T>(what: string, ask: () => T, into?: Uint8Array): T {
    try {
      const result = ask();
      if (!into) this.line([what, result ?? null]);
      else this.line([what, result ?? null, hex(typeof result === "number" ? into.subarray(0, result) : into)]);
      return result;
    } catch (error) {
      if (error instanceof HostError) this.line([what, null, null, error.code]);
      throw error;
    }
  }
  output(what: string, make: () => number): number {
    return this.answer(what, make);
  }
}

class Replayer implements Answers {
  readonly replays = true;
  private readonly next: () => string | null;
  private count = 0;
  constructor(next: () => string | null) {
    this.next = next;
  }
  private line(what: string): Line {
    const text = this.next();
    this.count++;
    if (text === null) throw new ReplayDiverged(`line ${this.count}: ${what} after the recording's end`);
    const line = JSON.parse(text, unpack) as Line;
    if (line[0] !== what) throw new ReplayDiverged(`line ${this.count}: ${what} instead of ${line[0]}`);
    return line;
  }
  answer<T>(what: string, _ask: () => T, into?: Uint8Array): T {
    const [, result, bytes, error] = this.line(what);
    if (error !== undefined) throw new HostError(error);
    if (into && bytes) unhex(bytes, into);
    return result as T;
  }
  output(what: string, make: () => number): number {
    const result = this.answer(what, () => 0);
    make();
    return result;
  }
}

function stream(name: string, real: HostStream, answers: Answers): HostStream {
  const { isTerminal, type } = answers.answer(name, () => ({ isTerminal: real.isTerminal, type: real.type }));
  return {
    isTerminal,
    type,
    read: (into) => answers.answer(`${name}.read`, () => real.read(into), into),
    write: (from) => answers.output(`${name}.write`, () => real.write(from)),
    windowSize: () => answers.answer(`${name}.windowSize`, () => real.windowSize()),
    readable: () => answers.answer(`${name}.readable`, () => real.readable()),
    setRaw: (on) => {
      if (!answers.replays) real.setRaw?.(on);
    },
  };
}

function file(name: string, real: () => HostFile, answers: Answers): HostFile {
  return {
    read: (into, position) => answers.answer(`${name}.read`, () => real().read(into, position), into),
    write: (from, position) => answers.answer(`${name}.write`, () => real().write(from, position)),
    stat: () => answers.answer(`${name}.stat`, () => real().stat()),
    truncate: (size) => answers.answer(`${name}.truncate`, () => real().truncate(size)),
    sync: () => answers.answer(`${name}.sync`, () => real().sync()),
    close: () => answers.answer(`${name}.close`, () => real().close()),
  };
}

function files(real: HostFs, answers: Answers): HostFs {
  let opened = 0;
  return {
    open: (path, options) => {
      let made: HostFile | undefined;
      answers.answer(`open ${path}`, () => {
        made = real.open(path, options);
      });
      return file(`file ${++opened}`, () => made!, answers);
    },
    stat: (path, follow) => answers.answer(`stat ${path}`, () => real.stat(path, follow)),
    readdir: (path) => answers.answer(`readdir ${path}`, () => real.readdir(path)),
    readlink: (path) => answers.answer(`readlink ${path}`, () => real.readlink(path)),
    mkdir: (path, mode) => answers.answer(`mkdir ${path}`, () => real.mkdir(path, mode)),
    rmdir: (path) => answers.answer(`rmdir ${path}`, () => real.rmdir(path)),
    unlink: (path) => answers.answer(`unlink ${path}`, () => real.unlink(path)),
    rename: (from, to) => answers.answer(`rename ${from} ${to}`, () => real.rename(from, to)),
    link: (target, path) => answers.answer(`link ${target} ${path}`, () => real.link(target, path)),
    symlink: (target, path) => answers.answer(`symlink ${target} ${path}`, () => real.symlink(target, path)),
    chmod: (path, mode) => answers.answer(`chmod ${path}`, () => real.chmod(path, mode)),
    utimes: (path, atime, mtime, follow) =>
      answers.answer(`utimes ${path}`, () => real.utimes(path, atime, mtime, follow)),
    realpath: (path) => answers.answer(`realpath ${path}`, () => real.realpath?.(path) ?? path),
  };
}

function connection(name: string, real: () => HostConnection, answers: Answers): HostConnection {
  return {
    look: () => answers.answer(`${name}.look`, () => real().look()),
    read: (into) => answers.answer(`${name}.read`, () => real().read(into), into),
    write: (from) => answers.answer(`${name}.write`, () => real().write(from)),
    shut: () => answers.answer(`${name}.shut`, () => real().shut()),
    close: () => answers.answer(`${name}.close`, () => real().close()),
  };
}

function network(real: HostNet, answers: Answers): HostNet {
  let made = 0;
  return {
    connect: (ip, port) => {
      let to: HostConnection | undefined;
      answers.answer(`connect ${ip} ${port}`, () => {
        to = real.connect(ip, port);
      });
      return connection(`connection ${++made}`, () => to!, answers);
    },
    mayConnect: (ip, port) => answers.answer(`mayConnect ${ip} ${port}`, () => real.mayConnect(ip, port)),
    lookup: (name) => {
      let asked: ReturnType<HostNet["lookup"]> | undefined;
      answers.answer(`lookup ${name}`, () => {
        asked = real.lookup(name);
      });
      return { answer: () => answers.answer("addresses", () => asked!.answer()) };
    },
    changes: () => answers.answer("changes", () => real.changes()),
    flush: () => {
      if (!answers.replays) real.flush();
    },
  };
}

function answering(host: Host, answers: Answers): Host {
  const { env, cwd, hostname } = answers.answer("start", () => ({
    env: host.env,
    cwd: host.cwd,
    hostname: host.hostname,
  }));
  return {
    fs: files(host.fs, answers),
    stdin: stream("stdin", host.stdin, answers),
    stdout: stream("stdout", host.stdout, answers),
    stderr: stream("stderr", host.stderr, answers),
    realtime: () => answers.answer("realtime", () => host.realtime()),
    monotonic: () => answers.answer("monotonic", () => host.monotonic()),
    cpuTime: () => answers.answer("cpuTime", () => host.cpuTime()),
    random: (into) => answers.answer("random", () => host.random(into), into),
    // The time that passes is in the answers of the clock.
    sleep: (milliseconds) => {
      if (!answers.replays) host.sleep(milliseconds);
    },
    env,
    cwd,
    hostname,
    net: host.net && network(host.net, answers),
  };
}

/** The host, with every answer written down. */
export function recording(host: Host, write: (line: string) => void): Host {
  return answering(host, new Recorder(write));
}

/** A host that answers as the recorded one did. `next` gives the lines. Throws ReplayDiverged. */
export function replaying(host: Host, next: () => string | null): Host {
  return answering(host, new Replayer(next));
}
