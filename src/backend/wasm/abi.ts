import { CTL } from "../../memory/layout.ts";

/**
 * What compiled modules import (module "sage"), and scratch words they share with the imports. Every exported
 * function takes nothing and returns nothing: CTL_PC, CTL_EXIT and what goes with the reason tell how it left.
 */
export const IMPORTS = "sage";
export const IMPORT_GUEST = "guest";
export const IMPORT_ENGINE = "engine";
/** (code: i32) -> i32: the float op of that code on SCRATCH operands; result into SCRATCH, returns its exceptions. */
export const IMPORT_FLOAT = "float";
/** Import: the table of compiled regions. */
export const IMPORT_REGIONS = "regions";
/** Custom section: how rows become micro-ops, a RowsText as JSON. */
export const ROWS_SECTION = "sage.rows";

/** Operands of a float call: three i64, then the result; `w` bits each, zero-extended. */
export const SCRATCH = CTL + 0x180;
export const SCRATCH_RESULT = SCRATCH + 24;
export const SCRATCH_RM = SCRATCH + 32;

/** Marks a callee that left to the dispatcher with all state in memory: no guest pc. */
export const UNWOUND = -1;
