// Programs that take too long for the suite: Python's own test modules, esbuild on all of this project, in the guest roots.
//
//   node scripts/programs-long.ts [--guest ISA]... [--only NAME]... [--limit SECONDS]
//
// Prints a line a run: guest, program, what it said of itself, seconds. Ends with 1 where one failed. The figures are in
// docs/programs.md.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { GUESTS, type Guest, REPOSITORY } from "../tests/guests.ts";
import { type Outcome, run, sage } from "../tests/programs/command.ts";
import { rootOf } from "../tests/programs/root.ts";

const { values: options } = parseArgs({
  options: {
    guest: { type: "string", multiple: true },
    only: { type: "string", multiple: true },
    limit: { type: "string", default: "900" },
  },
});
const limit = Number(options.limit);

interface Long {
  readonly name: string;
  /** Why it cannot be run for a guest, or null. */
  readonly missing: (guest: Guest) => string | null;
  readonly start: (guest: Guest) => Promise<Outcome>;
  /** What to print of a run, and whether it is right. */
  readonly judge: (ran: Outcome) => Promise<{ readonly good: boolean; readonly said: string }>;
}

const ENV = { PATH: "/usr/bin:/usr/sbin:/bin", HOME: "/root" };

/** One of Python's own test modules; unittest's last lines are the verdict. */
const python = (module: string): Long => ({
  name: module,
  missing: (guest) =>
    existsSync(join(rootOf(guest), "usr/lib/python3.13/test", module)) ||
    existsSync(join(rootOf(guest), "usr/lib/python3.13/test", `${module}.py`))
      ? null
      : "no libpython3.13-testsuite in the root",
  start: (guest) =>
    sage(
      ["--root", rootOf(guest), `--allow-env=${Object.keys(ENV).join(",")}`],
      ["/usr/bin/python3", "-m", "unittest", `test.${module}`],
      { env: ENV, limit },
    ),
  judge: async ({ code, stderr }) => {
    const lines = stderr.toString().trimEnd().split("\n");
    const ran = lines.findLast((line) => line.startsWith("Ran ")) ?? "";
    return { good: code === 0, said: `${ran.replace(/ in .*/, "")}, ${lines.findLast((l) => /^(OK|FAILED)/.test(l))}` };
  },
});

const SOURCE = join(REPOSITORY, "src/node.ts");
const BUNDLE = ["--bundle", "--minify", "--format=esm", "--platform=node", "--log-level=error", SOURCE];
const esbuildOf = (guest: Guest): string => join(REPOSITORY, ".cache/esbuild", guest.debian, "bin/esbuild");
const esbuild: Long = {
  name: "esbuild",
  missing: (guest) => (existsSync(esbuildOf(guest)) ? null : "no .cache/esbuild"),
  start: (guest) => sage(["--allow-read"], [esbuildOf(guest), ...BUNDLE], { limit }),
  judge: async ({ stdout }) => {
    const native = await run([join(REPOSITORY, "node_modules/esbuild/bin/esbuild"), ...BUNDLE]);
    return { good: native.stdout.equals(stdout), said: `${stdout.length} bytes, ${native.stdout.length} natively` };
  },
};

const ALL = [esbuild, ...["test_json", "test_struct", "test_threading", "test_subprocess", "test_socket"].map(python)];

let failed = false;
for (const guest of GUESTS) {
  if (options.guest && !options.guest.includes(guest.isa)) continue;
  for (const each of ALL) {
    if (options.only && !options.only.includes(each.name)) continue;
    const missing = each.missing(guest);
    if (missing) {
      console.log(`${guest.isa} ${each.name}: ${missing}`);
      continue;
    }
    const started = performance.now();
    const seconds = () => `${((performance.now() - started) / 1000).toFixed(0)} s`;
    try {
      const { good, said } = await each.judge(await each.start(guest));
      failed ||= !good;
      console.log(`${guest.isa} ${each.name}: ${good ? "good" : "FAILED"}, ${said}, ${seconds()}`);
    } catch (error) {
      failed = true;
      console.log(`${guest.isa} ${each.name}: ${(error as Error).message.split(":")[0]}, ${seconds()}`);
    }
  }
}
process.exit(failed ? 1 : 0);
