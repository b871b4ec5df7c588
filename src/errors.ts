/**
 * Errors SAGE reports to a person: a code, what was wrong, what to do; one line each. All are made here, by
 * `sageError`, from the table below; what a guest sees are errno values, never these.
 */

/** Code, exit status of the command line, and what to do unless the place that fails knows better. */
const CODES = {
  // the command line
  USAGE: [2, "see sage --help"],
  NOT_YET: [2, "this part of SAGE is not built yet"],
  REPLAY_DIVERGED: [2, "replay with the SAGE, the program and the options that recorded it"],
  INTERNAL: [70, "this is a bug in SAGE: please report it with the command line that shows it"],
  // a snapshot
  SNAPSHOT_BAD: [126, "the file is cut off or damaged: save the program again"],
  SNAPSHOT_VERSION: [126, "resume it with the SAGE that saved it"],
  SNAPSHOT_FILE: [126, "the files it has open must be there, and granted, as when it was saved"],
  SNAPSHOT_UNSAVABLE: [1, "save it at another time, or without that"],
  // a file
  FILE_NOT_FOUND: [127, "check the path; with --root it is a path inside the root"],
  FILE_DENIED: [126, "check the file's permissions"],
  FILE_UNREADABLE: [126, "check the path"],
  FILE_EMPTY: [126, "the file has no bytes: copy it again"],
  FILE_TOO_BIG: [126, "SAGE reads files up to 1 GiB"],
  // what the file is
  FORMAT_UNKNOWN: [126, "sage inspect FILE shows what is known of it"],
  FORMAT_UNSUPPORTED: [126, "SAGE runs ELF programs so far"],
  ISA_UNSUPPORTED: [126, "get a build of the program for an ISA that `sage rules` lists"],
  OS_UNSUPPORTED: [126, "get a build of the program for Linux"],
  NOT_A_PROGRAM: [126, "give an executable, not a library, object or core file"],
  INTERPRETER_MISSING: [127, "give the system it was built for with --root DIR"],
  // a lie in an ELF file
  ELF_TRUNCATED: [126, "the file is cut off or damaged: fetch or build it again"],
  ELF_HEADER: [126, "the file is damaged: fetch or build it again"],
  ELF_SEGMENT: [126, "the file is damaged: fetch or build it again"],
  ELF_OVERLAP: [126, "the file is damaged: fetch or build it again"],
  ELF_TOO_BIG: [126, "the file is damaged, or needs a larger address space than SAGE gives"],
  ELF_SECTION: [126, "the section table is damaged; the program may still run"],
  ELF_DYNAMIC: [126, "the dynamic table is damaged: fetch or build the file again"],
  ELF_NOTE: [126, "the notes are damaged; the program may still run"],
  // policy, audit
  POLICY: [2, "see THREAT-MODEL.md for the form of a policy file"],
  AUDIT_BROKEN: [1, "the log is not what SAGE wrote: do not trust it"],
  AUDIT_WRITE: [1, "check the path given to --audit"],
  // looking into a program
  ADDRESS: [2, "give --at an address such as 0x10100 or a symbol that `sage inspect --symbols` lists"],
  RULEBOOK_UNKNOWN: [2, "`sage rules` lists the rulebooks there are"],
  ROW_UNKNOWN: [2, "`sage rules ISA` lists its rows"],
  // oracles
  ORACLE_MISSING: [2, "give --oracle: host, qemu, gdb:HOST:PORT or self"],
  ORACLE_HANGS: [1, "is it stopped, or busy? nothing that was known before has changed"],
  ORACLE_DIED: [1, "start it again; nothing that was known before has changed"],
  ORACLE_GARBAGE: [1, "is it a GDB stub? nothing that was known before has changed"],
  ORACLE_REFUSES: [1, "see docs/oracles.md for what an oracle must be able to do"],
  // models
  MODEL_BAD: [1, "train one with `sage train`, or fetch the file again"],
  // a run that was stopped
  TIMEOUT: [124, "give more with --timeout SECONDS"],
  OUT_OF_MEMORY: [126, "give more with --memory SIZE"],
  OUT_OF_FUEL: [125, "give more with --fuel N"],
} as const satisfies Record<string, readonly [exit: number, hint: string]>;

export type ErrorCode = keyof typeof CODES;

/** A coded error; `message` is one line without code and hint. */
export class SageError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  constructor(code: ErrorCode, message: string, hint: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
  /** Exit status of a command that fails with this. */
  get exitCode(): number {
    return CODES[this.code][0];
  }
  /** The line for stderr, without "sage: ". */
  get line(): string {
    return `${this.code}: ${printable(this.message)} (${printable(this.hint)})`;
  }
}

export function sageError(code: ErrorCode, message: string, hint: string = CODES[code][1]): SageError {
  return new SageError(code, message, hint);
}

/** Text from outside on one line: control characters (a terminal would obey them) become `\xNN`. */
export function printable(text: string): string {
  let out = "";
  for (const char of text) {
    const code = char.codePointAt(0)!;
    const shown = code >= 0x20 && code !== 0x7f && !(code >= 0x80 && code < 0xa0) && code !== 0x2028 && code !== 0x2029;
    out += shown ? char : `\\x${code.toString(16).padStart(2, "0")}`;
  }
  return out;
}
