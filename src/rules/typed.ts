import type { Core } from "./core.ts";
import { RuleError } from "./error.ts";

/** A width that only the context can give (sext without <w>, undef); a literal is an integer instead. */
export const OPEN = undefined;
export type Typed = Core | typeof OPEN;

export function widthError(message: string): never {
  throw new RuleError("RULE_WIDTH", message);
}

export const shown = (c: Core): string => (c.w === 0 ? "an integer" : `i${c.w}`);
