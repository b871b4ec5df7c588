import { sageError } from "../errors.ts";

/**
 * Command-line arguments, by tables. A value may be optional (`--trace[=FILE]`): it then counts only after "=", so that
 * the next argument is never taken for it; that, and a start in a third of a millisecond, is why this is not a library.
 */
export interface OptionSpec {
  readonly name: string;
  /** One letter, for "-A". */
  readonly short?: string;
  /** What the value is called in help; without one the option is a switch. */
  readonly value?: string;
  readonly optional?: boolean;
  readonly help: string;
}

/** What a command takes and does. */
export interface CommandSpec {
  /** "PROGRAM [ARGS...]". */
  readonly operands: string;
  readonly least: number;
  readonly most: number;
  /** The first operand ends the options: the rest is the program's own. */
  readonly greedy?: boolean;
  readonly options: readonly OptionSpec[];
  readonly about: string;
  readonly examples: readonly (readonly [command: string, what: string])[];
}

export class Arguments {
  readonly operands: readonly string[];
  private readonly given: ReadonlyMap<string, readonly (string | true)[]>;

  constructor(operands: readonly string[], given: ReadonlyMap<string, readonly (string | true)[]>) {
    this.operands = operands;
    this.given = given;
  }
  has(name: string): boolean {
    return this.given.has(name);
  }
  /** Every value given for an option, true where it stood alone. */
  all(name: string): readonly (string | true)[] {
    return this.given.get(name) ?? [];
  }
  /** The last value of an option that always has one. */
  text(name: string): string | undefined {
    const last = this.all(name).at(-1);
    return last === true ? undefined : last;
  }
}

const help: OptionSpec = { name: "help", short: "h", help: "show this" };

/** Reads arguments by a command's tables; `--help` anywhere before the operands gives null. Throws USAGE. */
export function parseArguments(command: string, spec: CommandSpec, argv: readonly string[]): Arguments | null {
  const options = [...spec.options, help];
  const given = new Map<string, (string | true)[]>();
  const operands: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i]!;
    if (argument === "--") {
      operands.push(...argv.slice(i + 1));
      break;
    }
    if (!argument.startsWith("-") || argument === "-") {
      operands.push(argument);
      if (!spec.greedy) continue;
      // A "--" right behind the options was met above; here all that follows belongs to the program
      operands.push(...argv.slice(i + 1));
      break;
    }
    const equals = argument.indexOf("=");
    const name = equals < 0 ? argument : argument.slice(0, equals);
    const option = options.find((o) => name === `--${o.name}` || (o.short && name === `-${o.short}`));
    if (!option)
      throw sageError("USAGE", `unknown option ${name}`, `${nearest(name, options)}see sage ${command} --help`);
    if (option === help) return null;
    let value: string | true = equals < 0 ? true : argument.slice(equals + 1);
    if (!option.value && equals >= 0) throw sageError("USAGE", `${name} takes no value`);
    if (option.value && !option.optional && equals < 0) {
      const next = argv[++i];
      if (next === undefined) throw sageError("USAGE", `${name} needs a value`, `write ${name} ${option.value}`);
      value = next;
    }
    given.set(option.name, [...(given.get(option.name) ?? []), value]);
  }
  if (operands.length < spec.least || operands.length > spec.most) {
    const problem = operands.length < spec.least ? "too few" : "too many";
    throw sageError("USAGE", `${problem} arguments`, `usage: sage ${command} [options] ${spec.operands}`);
  }
  return new Arguments(operands, given);
}

/** "did you mean --root? " where one option is close. */
function nearest(name: string, options: readonly OptionSpec[]): string {
  const wanted = name.replace(/^-+/, "");
  const best = options.map((o) => ({ name: o.name, far: distance(wanted, o.name) })).sort((a, b) => a.far - b.far)[0]!;
  return best.far <= Math.max(1, wanted.length / 3) ? `did you mean --${best.name}? ` : "";
}

/** Edits between two words (Levenshtein), one row at a time. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}

export function helpText(command: string, spec: CommandSpec): string {
  const rows = [...spec.options, help].map((o) => {
    const value = o.value ? (o.optional ? `[=${o.value}]` : ` ${o.value}`) : "";
    return [`${o.short ? `-${o.short}, ` : "    "}--${o.name}${value}`, o.help] as const;
  });
  const examples = spec.examples.map(([line, what]) => [`sage ${line}`, what] as const);
  return `usage: sage ${command} [options] ${spec.operands}

${spec.about}

options:
${columns(rows)}

examples:
${columns(examples)}
`;
}

/** Two columns, indented by two. */
export function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.min(60, Math.max(...rows.map(([left]) => left.length)));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}
