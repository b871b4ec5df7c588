import type { AbiBook } from "./abi.ts";
import type { CallRow } from "./row.ts";

/** The table of calls as Markdown, from the rows: what there is, and what each lacks. */
export function callTable(book: AbiBook, table: string): string {
  const rows = [...(book.calls.get(table)?.values() ?? [])].sort((a, b) => a.number - b.number);
  const all = rows.flatMap((row) => [row, ...row.operations.values()]);
  const count = (status: CallRow["status"]): number => rows.filter((row) => row.status === status).length;
  const machines = [...book.machines.values()]
    .filter((machine) => machine.table === table)
    .map((machine) => machine.isa);
  const lines = [
    `# Calls of ${book.os}`,
    "",
    `Made from the rows of \`${book.file}\` by \`scripts/syscalls-doc.ts\`; change the rows, not this file.`,
    "",
    `Number table \`${table}\` (${machines.join(", ")}): ${rows.length} calls, of which ${count("full")} are full, ${count("partial")} partial,`,
    `${count("declined")} declined (ENOSYS on purpose: programs go on without) and ${count("none")} not there (ENOSYS, told at the end of a run).`,
    `With the operations of calls such as ioctl there are ${all.length} rows.`,
    "",
    "| number | call | state | what is missing, or why |",
    "| --- | --- | --- | --- |",
    ...rows.flatMap((row) => [
      line(row, ""),
      ...[...row.operations.values()].map((operation) => line(operation, `${row.name} `)),
    ]),
    "",
  ];
  return lines.join("\n");
}

function line(row: CallRow, of: string): string {
  const number = of && row.number > 255 ? `0x${row.number.toString(16)}` : String(row.number);
  return `| ${number} | ${of}\`${row.name}\` | ${row.status} | ${row.note} |`;
}
