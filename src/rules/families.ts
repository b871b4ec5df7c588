import { RuleError } from "./error.ts";
import type { Line } from "./lines.ts";

/** Columns of a family and its lines. */
export interface Table {
  readonly name: string;
  readonly columns: readonly string[];
  readonly lines: readonly (readonly string[])[];
}

/** The lines of a table: indented below it, cells two blanks apart. */
export function tableLines(line: Line): string[] {
  return line.children.map((child) => child.text);
}

/** `table NAME: COLUMNS` with lines below, or on one line after `=`, parted by commas, cells by blanks. */
export function tableOf(head: string, lines: readonly string[]): Table {
  const m = /^table\s+([A-Za-z_][A-Za-z0-9_]*)\s*:\s*([^=]*)(?:=(.*))?$/.exec(head);
  if (!m) throw new RuleError("RULE_SYNTAX", "table NAME: COLUMNS expected");
  const columns = m[2].trim().split(/\s+/);
  const cells =
    m[3] === undefined ? lines.map((l) => l.split(/\s{2,}/)) : m[3].split(",").map((l) => l.trim().split(/\s+/));
  for (const line of cells) {
    if (line.length === columns.length) continue;
    throw new RuleError(
      "RULE_SYNTAX",
      `table ${m[1]} has ${columns.length} columns, "${line.join("  ")}" has ${line.length} (cells are two blanks apart)`,
    );
  }
  return { name: m[1], columns, lines: cells.map((line) => line.map((cell) => (cell === '""' ? "" : cell))) };
}

/** The cross product: for each combination of lines, cell by column. */
export function crossings(tables: readonly Table[]): Map<string, string>[] {
  let out: Map<string, string>[] = [new Map()];
  for (const table of tables) {
    const next: Map<string, string>[] = [];
    for (const base of out) {
      for (const line of table.lines) {
        const cells = new Map(base);
        table.columns.forEach((column, i) => {
          if (cells.has(column)) throw new RuleError("RULE_NAME", `two tables have a column ${column}`);
          cells.set(column, line[i]);
        });
        next.push(cells);
      }
    }
    out = next;
  }
  return out;
}
