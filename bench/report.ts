// Turning samples into the tables that the benchmark prints.

/** CPU milliseconds per column name, one sample a round. */
export type Samples = Map<string, number[]>;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** Ratio of medians and of minima, against the column `base`. Null where either was not measured. */
export function ratio(samples: Samples, column: string, base: string): { median: number; min: number } | null {
  const own = samples.get(column);
  const other = samples.get(base);
  if (!own?.length || !other?.length) return null;
  return { median: median(own) / median(other), min: Math.min(...own) / Math.min(...other) };
}

/** Columns padded to their widest cell; the first to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  return rows
    .map((row) => row.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join("  "))
    .join("\n");
}

/** One line on a terminal, redrawn: `[#####-----] 5/10 name`. Silent elsewhere. */
export function progress(done: number, all: number, what: string): void {
  if (!process.stderr.isTTY) return;
  const filled = Math.round((done / all) * 30);
  const bar = "#".repeat(filled) + "-".repeat(30 - filled);
  process.stderr.write(done === all ? "\x1b[2K\r" : `\x1b[2K\r[${bar}] ${done}/${all} ${what}`);
}
