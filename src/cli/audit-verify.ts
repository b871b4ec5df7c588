import { hash } from "node:crypto";
import { sageError } from "../errors.ts";
import { verifyAudit } from "../guard/verify.ts";
import type { Command } from "./command.ts";
import { readFile } from "./file.ts";

export const command: Command = {
  spec: {
    operands: "FILE",
    least: 1,
    most: 1,
    options: [
      {
        name: "head",
        value: "HASH",
        help: "the last hash that was kept elsewhere: finds a log that was rewritten as a whole",
      },
      { name: "json", help: "print the verdict as JSON" },
    ],
    about: "Checks the chain of an audit log that `sage run --audit FILE` wrote: finds a changed, missing or cut line.",
    examples: [["audit verify log.jsonl", "exit status 0: whole; 1: not, and which line"]],
  },
  run(args, io) {
    const file = args.operands[0]!;
    const text = new TextDecoder().decode(readFile(io.host.fs, file));
    const verdict = verifyAudit(text, (line) => hash("sha256", line));
    const wanted = args.text("head");
    const rewritten = verdict.ok && wanted !== undefined && verdict.head !== wanted;
    const shown = rewritten
      ? { ok: false, line: verdict.lines, why: `its hash is ${verdict.head}, not the one kept` }
      : verdict;
    if (args.has("json")) {
      io.print(`${JSON.stringify({ file, ...shown })}\n`);
      return shown.ok ? 0 : 1;
    }
    if (!shown.ok && "line" in shown) throw sageError("AUDIT_BROKEN", `${file}: line ${shown.line} ${shown.why}`);
    if (verdict.ok) io.print(`${file}: whole, ${verdict.lines} lines, last hash ${verdict.head}\n`);
    return 0;
  },
};
