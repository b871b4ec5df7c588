/**
 * What a learned rulebook is used together with: rows written by hand for what an oracle cannot show or the learner does
 * not look at, each declared by name. A line is a pattern of rows' names (`*` stands for anything) and why.
 */
export function readSupplement(text: string): (row: string) => boolean {
  const patterns = text.split("\n").flatMap((line) => {
    const name = line.replace(/#.*/, "").trim().split(/\s+/)[0]!;
    return name === "" ? [] : [new RegExp(`^${name.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*")}$`)];
  });
  return (row) => patterns.some((p) => p.test(row));
}
