// npm run bench [-- OPTIONS]: CPU time of C kernels in SAGE and in qemu-user, as ratios to native gcc -O2.
// All columns of a kernel run interleaved, round by round, so that a slow phase of the machine hits all of them alike.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CALL_RUNS, callsTable, measureCalls } from "./calls.ts";
import { buildClock, buildGuest, buildNative, GUESTS, type Guest, KERNELS, type Kernel } from "./kernels.ts";
import { measure, type Run } from "./measure.ts";
import { geometricMean, median, progress, ratio, type Samples, table } from "./report.ts";

const HELP = `npm run bench -- [options]
  --kernel NAME     only this kernel (may be given again): ${KERNELS.map((k) => k.name).join(" ")}
  --engine LIST     SAGE engines, separated by commas (default: wasm)
  --guest ISA       ${GUESTS.map((g) => g.isa).join(" ")}
  --rounds N        rounds over all columns (default: 5)
  --limit SECONDS   most time for one run (default: 60); a column that passes it, or fails, is not run again
  --no-qemu         leave qemu-user out
  --no-startup      leave the start-up times out; --only-startup leaves the kernels out
  --calls           system calls instead of kernels: --guest, --rounds, --limit and --json hold
  --json            one JSON object instead of tables
SAGE_BIN names another program to measure in the place of bin/sage.js.`;

const ROOT = join(import.meta.dirname, "..");

const { values: options } = parseArgs({
  options: {
    kernel: { type: "string", multiple: true },
    engine: { type: "string", default: "wasm" },
    guest: { type: "string", default: GUESTS[0].isa },
    rounds: { type: "string", default: "5" },
    limit: { type: "string", default: "60" },
    qemu: { type: "boolean", default: true },
    startup: { type: "boolean", default: true },
    "only-startup": { type: "boolean", default: false },
    calls: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
  allowNegative: true,
});

function stop(message: string): never {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(2);
}

const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1) stop("--rounds takes a number from 1 on");
const limit = Number(options.limit);
if (!(limit > 0)) stop("--limit takes a number of seconds");
const unknown = options.kernel?.find((name) => !KERNELS.some((kernel) => kernel.name === name));
if (unknown) stop(`no kernel ${unknown}; there are ${KERNELS.map((kernel) => kernel.name).join(", ")}`);
const guest: Guest = GUESTS.find((g) => g.isa === options.guest) ?? stop(`no guest ${options.guest}`);
if (options.help) {
  process.stdout.write(`${HELP}\n`);
  process.exit(0);
}

const engines = options.engine.split(",");
const sageBin = process.env.SAGE_BIN ?? join(ROOT, "bin", "sage.js");
const sage = sageBin.endsWith(".js") ? [process.execPath, sageBin] : [sageBin];
if (!process.env.SAGE_BIN) execFileSync(process.execPath, [join(ROOT, "scripts", "build.mjs")], { cwd: ROOT });
const withQemu = options.qemu && spawnSync(guest.qemu, ["--version"]).status === 0;
if (options.qemu && !withQemu) process.stderr.write(`bench: no ${guest.qemu} here, its column is left out\n`);
const clock = buildClock();

if (options.calls) {
  if (!withQemu) stop(`system calls are compared with ${guest.qemu}, which is not here`);
  let ticks = 0;
  const tick = (name: string) => progress(++ticks, CALL_RUNS * rounds, name);
  const figures = await measureCalls(guest, sage, clock, rounds, limit, tick);
  const head = `${cpus()[0]?.model ?? "unknown CPU"}, Node ${process.versions.node}, guest ${guest.isa}, ${rounds} rounds`;
  process.stdout.write(options.json ? `${JSON.stringify(figures, null, 2)}\n` : `${head}\n${callsTable(figures)}\n`);
  process.exit(figures.some(({ qemu, sage: own }) => qemu === null || own === null) ? 1 : 0);
}

/** A column: how a program built for the guest, or natively, is started. */
interface Column {
  readonly name: string;
  readonly command: readonly string[];
}

interface Measured {
  readonly name: string;
  readonly kind: string;
  readonly cpu: Samples;
  readonly wall: Samples;
  readonly failures: string[];
}

/** What is the same for every column must be printed by every column that is `compared`. */
async function interleave(
  name: string,
  kind: string,
  columns: readonly Column[],
  compared: readonly string[],
  count: number,
  tick: () => void,
) {
  const result: Measured = { name, kind, cpu: new Map(), wall: new Map(), failures: [] };
  let expected: { column: string; run: Run } | undefined;
  const failed = new Set<string>();
  const fail = (column: string, why: string) => {
    failed.add(column);
    result.failures.push(`${column}: ${why}`);
  };
  for (let round = 0; round < count; round++) {
    for (const column of columns) {
      tick();
      if (failed.has(column.name)) continue;
      const run = await measure(clock, column.command, limit);
      if (!run) {
        fail(column.name, `stopped after ${limit} s`);
        continue;
      }
      if (run.code !== 0) {
        fail(column.name, `exit code ${run.code}: ${run.stderr.trim().split("\n")[0]}`);
        continue;
      }
      if (compared.includes(column.name)) {
        expected ??= { column: column.name, run };
        if (expected.run.stdout !== run.stdout) {
          fail(column.name, `printed something else than ${expected.column}`);
          continue;
        }
      }
      add(result.cpu, column.name, run.cpu);
      add(result.wall, column.name, run.wall);
    }
  }
  return result;
}

function add(samples: Samples, column: string, value: number): void {
  const list = samples.get(column);
  if (list) list.push(value);
  else samples.set(column, [value]);
}

function kernelColumns(kernel: Kernel): Column[] {
  const program = buildGuest(kernel, guest);
  return [
    { name: "native", command: [buildNative(kernel)] },
    ...(withQemu ? [{ name: "qemu", command: [guest.qemu, program] }] : []),
    ...engines.map((engine) => ({ name: engine, command: [...sage, "run", "--engine", engine, program] })),
  ];
}

interface StartUp {
  readonly name: string;
  readonly columns: Column[];
}

function startUps(): StartUp[] {
  const hello = join(ROOT, "samples", `hello-${guest.isa}`);
  const root = join(ROOT, ".cache", "roots", guest.debian);
  const list: StartUp[] = [
    {
      name: "hello, static glibc",
      columns: [
        { name: "node -e 0", command: [process.execPath, "-e", "0"] },
        ...(withQemu ? [{ name: "qemu", command: [guest.qemu, hello] }] : []),
        { name: "auto", command: [...sage, "run", hello] },
      ],
    },
  ];
  if (!existsSync(join(root, "usr/bin/python3"))) {
    process.stderr.write("bench: no .cache/roots (scripts/test-roots.sh makes it): python3's start is left out\n");
    return list;
  }
  const python = ["/usr/bin/python3", "-c", "pass"];
  list.push({
    name: "python3 -c pass",
    columns: [
      { name: "node -e 0", command: [process.execPath, "-e", "0"] },
      ...(withQemu ? [{ name: "qemu", command: [guest.qemu, "-L", root, join(root, python[0]), "-c", "pass"] }] : []),
      { name: "auto", command: [...sage, "run", "--root", root, ...python] },
    ],
  });
  return list;
}

const kernels = options["only-startup"]
  ? []
  : KERNELS.filter((kernel) => !options.kernel || options.kernel.includes(kernel.name));
const starts = options["only-startup"] || (options.startup && !options.kernel) ? startUps() : [];
const startRounds = rounds * 3;
const perKernel = (1 + (withQemu ? 1 : 0) + engines.length) * rounds;
const all = kernels.length * perKernel + starts.reduce((sum, start) => sum + start.columns.length * startRounds, 0);
let done = 0;
const tickFor = (name: string) => () => progress(++done, all, name);

const measured: Measured[] = [];
for (const kernel of kernels) {
  const compared = ["qemu", ...engines];
  measured.push(
    await interleave(kernel.name, kernel.kind, kernelColumns(kernel), compared, rounds, tickFor(kernel.name)),
  );
}
const started: Measured[] = [];
for (const start of starts) {
  const compared = ["qemu", "auto"];
  started.push(await interleave(start.name, "start-up", start.columns, compared, startRounds, tickFor(start.name)));
}

const columns = [...(withQemu ? ["qemu"] : []), ...engines];

function summary(kind: string, column: string): number | null {
  const ratios = measured.filter((m) => m.kind === kind).map((m) => ratio(m.cpu, column, "native")?.median);
  if (ratios.length === 0 || ratios.some((r) => r === undefined)) return null;
  return geometricMean(ratios as number[]);
}

const figure = (value: number | null | undefined, digits = 2) => (value == null ? "-" : value.toFixed(digits));

function printTables(): void {
  const out = (line = "") => process.stdout.write(`${line}\n`);
  out(`${cpus()[0]?.model ?? "unknown CPU"}, Node ${process.versions.node}, guest ${guest.isa}, ${rounds} rounds`);
  if (measured.length) {
    out("CPU time, native gcc -O2 = 1: ratio of medians (of minima)\n");
    const rows = [["kernel", "native ms", ...columns]];
    for (const m of measured) {
      const cells = columns.map((column) => {
        const r = ratio(m.cpu, column, "native");
        return r ? `${figure(r.median)} (${figure(r.min)})` : "failed";
      });
      const native = m.cpu.get("native");
      rows.push([m.name, figure(native && median(native), 0), ...cells]);
    }
    for (const kind of ["integer", "float"]) {
      if (!measured.some((m) => m.kind === kind)) continue;
      rows.push([`geometric mean, ${kind}`, "", ...columns.map((column) => figure(summary(kind, column)))]);
    }
    out(table(rows));
  }
  if (started.length) {
    out("\nStart-up, milliseconds: median CPU time / elapsed\n");
    const rows = [["program", "node -e 0", ...(withQemu ? ["qemu"] : []), "sage"]];
    for (const m of started) {
      const cells = ["node -e 0", ...(withQemu ? ["qemu"] : []), "auto"].map((column) => {
        const cpu = m.cpu.get(column);
        const wall = m.wall.get(column);
        return cpu && wall ? `${figure(median(cpu), 0)} / ${figure(median(wall), 0)}` : "failed";
      });
      rows.push([m.name, ...cells]);
    }
    out(table(rows));
  }
}

const failures = [...measured, ...started].flatMap((m) => m.failures.map((failure) => `${m.name}: ${failure}`));
if (options.json) {
  const entry = (m: Measured) => ({
    name: m.name,
    kind: m.kind,
    cpu: Object.fromEntries(m.cpu),
    wall: Object.fromEntries(m.wall),
    ratios: Object.fromEntries(columns.map((column) => [column, ratio(m.cpu, column, "native")])),
    failures: m.failures,
  });
  const means = Object.fromEntries(
    columns.map((column) => [column, { integer: summary("integer", column), float: summary("float", column) }]),
  );
  const report = {
    node: process.versions.node,
    guest: guest.isa,
    rounds,
    means,
    kernels: measured.map(entry),
    startUp: started.map(entry),
  };
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
} else {
  printTables();
}
for (const failure of new Set(failures)) process.stderr.write(`bench: ${failure}\n`);
process.exit(failures.length ? 1 : 0);
