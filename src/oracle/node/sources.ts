import { existsSync } from "node:fs";
import { join } from "node:path";

/** The folder with the batch oracle's C: in the source tree, or beside what was built. */
export function nativeSources(): string {
  const places = ["../native", "../src/oracle/native", "../../src/oracle/native"].map((p) =>
    join(import.meta.dirname, p),
  );
  return places.find((p) => existsSync(join(p, "batch.c"))) ?? places[0]!;
}
