import { printable, SageError, sageError } from "../errors.ts";
import { HostError, type RealHost } from "../host/host.ts";
import { nodeHost } from "../host/node/index.ts";
import { columns, helpText, parseArguments } from "./args.ts";
import type { Command, Io } from "./command.ts";
import { version } from "./version.ts";

/** A command by its name, loaded when it is asked for. */
export interface Listed {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<{ readonly command: Command }>;
}

/** Status of a command whose reader went away: as if SIGPIPE had ended it. */
const EPIPE_STATUS = 141;

/** The `sage` command. Ends the process. */
export async function main(argv: readonly string[], commands: readonly Listed[]): Promise<never> {
  const status = await sage(argv, commands, nodeHost());
  // Not left to happen: compiling in the background would hold the process up
  process.exit(status);
}

/** One command line on a host; its exit status. Never throws: an error is one line on the host's stderr. */
export async function sage(argv: readonly string[], commands: readonly Listed[], host: RealHost): Promise<number> {
  const encoder = new TextEncoder();
  const print = (text: string) => void host.stdout.write(encoder.encode(text));
  try {
    return await dispatch(argv, commands, { host, print });
  } catch (error) {
    return report(error, (line) => void host.stderr.write(encoder.encode(`sage: ${line}\n`)));
  }
}

async function dispatch(argv: readonly string[], commands: readonly Listed[], io: Io): Promise<number> {
  const [first, ...rest] = argv;
  if (first === undefined || first === "--help" || first === "-h") return shown(io, overview(commands));
  if (first === "--version" || first === "-V") return shown(io, `${version}\n`);
  if (first === "help")
    return rest.length ? dispatch([...rest, "--help"], commands, io) : shown(io, overview(commands));
  const listed = commands.find((c) => c.name === first || c.name === `${first} ${rest[0]}`);
  if (!listed) return incomplete(commands, [first, ...rest], io);
  const { command } = await listed.load();
  const own = listed.name === first ? rest : rest.slice(1);
  const args = parseArguments(listed.name, command.spec, own);
  return args ? command.run(args, io) : shown(io, helpText(listed.name, command.spec));
}

/** A command of two words without its second, or none. Throws USAGE. */
function incomplete(commands: readonly Listed[], [first, ...rest]: readonly string[], io: Io): number {
  const longer = commands.filter((c) => c.name.startsWith(`${first} `));
  if (longer.length === 0) throw sageError("USAGE", `there is no command ${first}`, "sage --help lists the commands");
  if (rest.includes("--help") || rest.includes("-h"))
    return shown(io, `${columns(longer.map((c) => [`sage ${c.name}`, c.summary]))}\n`);
  throw sageError("USAGE", `sage ${first} is not whole`, `write ${longer.map((c) => `sage ${c.name}`).join(" or ")}`);
}

function shown(io: Io, text: string): number {
  io.print(text);
  return 0;
}

function overview(commands: readonly Listed[]): string {
  return `usage: sage COMMAND [options] ...

Runs programs built for another machine or operating system, without a virtual machine.
A program may touch nothing of this computer but what --allow flags grant.

commands:
${columns(commands.map((c) => [c.name, c.summary]))}

examples:
${columns([
  ["sage run hello", "run a static program"],
  ["sage run --root DIR /bin/sh", "run a program of another system's files, which stay unchanged"],
  ["sage help run", "options and examples of a command"],
])}
`;
}

/** Prints the one line that an error is, and gives the exit status. */
function report(error: unknown, tell: (line: string) => void): number {
  try {
    if (error instanceof SageError) {
      tell(error.line);
      return error.exitCode;
    }
    if (error instanceof HostError) {
      if (error.code === "EPIPE") return EPIPE_STATUS;
      tell(`${error.code}: ${printable(error.message)} (the system refused this)`);
      return 1;
    }
    if (error instanceof Error && error.name === "RuleError") {
      // its message begins with place and code
      tell(printable(error.message));
      return 1;
    }
    const wrapped = sageError("INTERNAL", error instanceof Error ? error.message : String(error));
    tell(wrapped.line);
    if (process.env.SAGE_DEBUG && error instanceof Error) tell(error.stack ?? "");
    return wrapped.exitCode;
  } catch {
    // stderr is gone too
    return EPIPE_STATUS;
  }
}
