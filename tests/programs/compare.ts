// One case a program run: under qemu-user in the root, then under SAGE on every engine, the same bytes and exit code.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { GUESTS, NATIVE } from "../guests.ts";
import { ENGINES, type Input, type Outcome, run, sage } from "./command.ts";
import { reference, rootOf, whyNoRoot } from "./root.ts";

export interface Case extends Input {
  readonly name: string;
  /** Program and arguments, paths inside the root. */
  readonly run: readonly string[];
  /** The lines of standard output may come in any order: qemu-user turns the environment around. */
  readonly unordered?: boolean;
  /** The guest's own words on standard error must be the same too. */
  readonly stderr?: boolean;
  /** It starts other programs, which qemu-user cannot: compared with this machine's own run of the amd64 root. */
  readonly processes?: boolean;
  /** Why it does not run under SAGE yet; the reason shows in the report. */
  readonly todo?: string;
}

/** The text of a file in scripts/. */
export const script = (name: string): string => readFileSync(join(import.meta.dirname, "scripts", name), "utf8");

const PATH = "/usr/bin:/bin";

/** Byte-for-byte comparison of stdout and exit code (and stderr where the case says so), for every guest. */
export function compare(title: string, cases: readonly Case[]): void {
  for (const guest of GUESTS) {
    const reason = whyNoRoot(guest);
    for (const each of cases) {
      const model = each.processes ? NATIVE : guest;
      const skip = reason ?? (model ? whyNoRoot(model) : "this machine does not run the amd64 root") ?? false;
      const options = { skip, ...(each.todo ? { todo: each.todo } : {}) };
      test(`${guest.isa}: ${title}: ${each.name}`, options, async (t) => {
        const env = { PATH, ...each.env };
        const expected = await run([...reference(model ?? guest), ...each.run], { ...each, env });
        for (const engine of ENGINES) {
          await t.test(engine, async () => {
            const options = ["--root", rootOf(guest), "--engine", engine, `--allow-env=${Object.keys(env).join(",")}`];
            same(await sage(options, each.run, { ...each, env }), expected, each);
          });
        }
      });
    }
  }
}

/** SAGE's own lines start with its name. */
export function guestLines(stderr: Buffer): string {
  const lines = stderr.toString("latin1").split("\n");
  return lines.filter((line) => !line.startsWith("sage:")).join("\n");
}

function same(got: Outcome, expected: Outcome, { unordered = false, stderr = false }: Case): void {
  const told = got.stderr.toString("latin1").slice(0, 2000);
  const shown = ({ stdout }: Outcome) => (unordered ? lines(stdout) : stdout.toString("latin1"));
  assert.equal(shown(got), shown(expected), `standard output differs; stderr: ${told}`);
  assert.equal(got.code, expected.code, `exit code differs; stderr: ${told}`);
  if (stderr) assert.equal(guestLines(got.stderr), guestLines(expected.stderr));
}

const lines = (stdout: Buffer) => stdout.toString("latin1").split("\n").sort().join("\n");
