/** Where something stands in a rulebook. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** What can be wrong with a rulebook or with the text given to the assembler. */
export type RuleCode =
  | "RULE_SYNTAX"
  | "RULE_NAME"
  | "RULE_WIDTH"
  | "RULE_BITS"
  | "RULE_OVERLAP"
  | "RULE_PLACE"
  | "RULE_USE"
  | "RULE_ASM"
  | "RULE_BLOB";

/** One line: `file:line: RULE_xxx: what is wrong`. */
export class RuleError extends Error {
  readonly code: RuleCode;
  readonly place: Place | undefined;

  constructor(code: RuleCode, message: string, place?: Place) {
    super(place ? `${place.file}:${place.line}: ${code}: ${message}` : `${code}: ${message}`);
    this.name = "RuleError";
    this.code = code;
    this.place = place;
  }
}

/** Runs `f`; an error of it that has no place yet gets this one. */
export function at<T>(place: Place, f: () => T): T {
  try {
    return f();
  } catch (error) {
    if (!(error instanceof RuleError) || error.place) throw error;
    throw new RuleError(error.code, error.message.slice(error.code.length + 2), place);
  }
}
