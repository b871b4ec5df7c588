import type { RealHost } from "../host/host.ts";
import type { Arguments, CommandSpec } from "./args.ts";

/** One command of `sage`: each has a file of its own, loaded when it is named. */
export interface Command {
  readonly spec: CommandSpec;
  /** Exit status. Throws SageError, RuleError or HostError: main prints them as one line. */
  run(args: Arguments, io: Io): number | Promise<number>;
}

/** What a command may use of the world: the whole host, since a command acts for the person who typed it. */
export interface Io {
  readonly host: RealHost;
  print(text: string): void;
}
