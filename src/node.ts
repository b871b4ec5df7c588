import { sageError } from "./errors.ts";
import type { RunOptions } from "./run-options.ts";

export type { RunOptions } from "./run-options.ts";

/** Runs a program on Node; gives the exit status as a shell would see it (128 + n for a signal). */
export function runProgram(_options: RunOptions): number {
  throw sageError("NOT_YET", "running programs");
}
