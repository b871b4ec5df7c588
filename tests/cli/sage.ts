import { commands } from "../../src/cli/commands.ts";
import { sage } from "../../src/cli/main.ts";
import { HostError, type HostStream } from "../../src/host/host.ts";
import { nodeHost } from "../../src/host/node/index.ts";

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in this process, its standard streams captured. */
export async function run(...argv: string[]): Promise<Ran> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const host = { ...nodeHost(), stdin: stream([]), stdout: stream(out), stderr: stream(err) };
  const status = await sage(argv, commands, host);
  return { status, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
}

function stream(into: Buffer[]): HostStream {
  return {
    isTerminal: false,
    type: "fifo",
    read: () => 0,
    write: (from) => {
      into.push(Buffer.from(from));
      return from.length;
    },
    windowSize: () => null,
    readable: () => true,
  };
}

/** A stream whose reader went away. */
export const closed: HostStream = {
  ...stream([]),
  write: () => {
    throw new HostError("EPIPE");
  },
};
