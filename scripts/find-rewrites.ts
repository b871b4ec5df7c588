// Finds rewrite rows: programs run in the roots of .cache/roots, what their hot code computes over two to five operations is
// harvested, cheaper expressions are proposed and held against samples, z3 proves the best:
// scripts/find-rewrites.ts OUT [PATTERNS [CANDIDATES [SEED]]]
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { compiledSize, roughCost } from "../src/agent/rewriter/cost.ts";
import { Harvest } from "../src/agent/rewriter/harvest.ts";
import { Rewriter } from "../src/agent/rewriter/propose.ts";
import { proveRewrite } from "../src/agent/rewriter/prove.ts";
import { sage } from "../src/cli/main.ts";
import { nodeHost } from "../src/host/node/index.ts";
import { parseTerm, type RewriteRow, rewriteText, termText } from "../src/ir/rewrite-rows.ts";
import { rewriteWith } from "../src/node.ts";
import { z3 } from "../src/oracle/node/z3.ts";

const [out, patterns = "2000", candidates = "30000", seed = "1"] = process.argv.slice(2);
if (out === undefined) throw new Error("find-rewrites.ts OUT [PATTERNS [CANDIDATES [SEED]]]");

const PROGRAMS: readonly (readonly string[])[] = [
  [
    "/usr/bin/lua5.4",
    "-e",
    "local t, s = {}, 42 for i = 1, 20000 do s = (s * 1103515245 + 12345) % 2147483648 t[i] = s end table.sort(t) print(t[1], ('x'):rep(9):upper())",
  ],
  ["/bin/bash", "-c", "for ((i = 0; i < 9000; i++)); do s=$((s * 31 + i % 7)); t=${s:0:3}; done; echo $s"],
  [
    "/usr/bin/python3",
    "-c",
    "import hashlib, zlib, json, re\nd = json.dumps(list(range(2000))).encode()\nprint(hashlib.sha256(d).hexdigest(), hashlib.md5(d).hexdigest(), zlib.crc32(zlib.compress(d)), len(re.findall(rb'[1-9]+0', d)))",
  ],
  [
    "/bin/sh",
    "-c",
    "i=0; while [ $i -lt 6000 ]; do i=$((i + 1)); done; seq 1 5000 | sort -n | md5sum; seq 1 9000 | gzip | gunzip | sha512sum",
  ],
  [
    "/usr/bin/perl",
    "-e",
    "my %h; $h{$_ % 97} .= chr(65 + $_ % 26) for 1..20000; print join(',', map { length $h{$_} } sort { $a <=> $b } keys %h)",
  ],
];

const kept = `${out}.harvest`;
const harvest = new Harvest();
if (existsSync(kept))
  for (const line of readFileSync(kept, "utf8")
    .split("\n")
    .filter((l) => l !== "")) {
    const [count, term] = line.split("\t") as [string, string];
    harvest.patterns.set(term, { pattern: parseTerm(term), count: Number(count) });
  }
else {
  rewriteWith((node) => {
    harvest.add(node);
    return node;
  });
  const host = nodeHost();
  const quiet = { ...host, stdout: { ...host.stdout, write: (b: Uint8Array) => b.length } } as typeof host;
  for (const root of ["riscv64", "arm64", "amd64"])
    for (const [program, ...args] of PROGRAMS) {
      if (!existsSync(`.cache/roots/${root}${program}`)) continue;
      const before = harvest.patterns.size;
      const status = await sage(
        ["run", "--root", `.cache/roots/${root}`, "--engine", "wasm", "--timeout", "120", program!, ...args],
        [{ name: "run", summary: "", load: () => import("../src/cli/run.ts") }],
        quiet,
      );
      console.error(`${root} ${program}: status ${status}, ${harvest.patterns.size - before} new patterns`);
    }

  const lines = [...harvest.patterns].map(([term, { count }]) => `${count}\t${term}\n`);
  writeFileSync(kept, lines.join(""));
}

const common = [...harvest.patterns.values()].sort(
  (a, b) => b.count - a.count || (termText(a.pattern) < termText(b.pattern) ? -1 : 1),
);
console.error(`${common.length} patterns, the commonest met ${common[0]?.count} times`);
const solver = await z3(2000);
const rewriter = new Rewriter(Number(seed));
const found: { row: RewriteRow; count: number; saved: number }[] = [];
let [refuted, unknown, proposed] = [0, 0, 0];
const began = performance.now();
for (const [i, { pattern, count }] of common.slice(0, Number(patterns)).entries()) {
  const size = compiledSize(pattern);
  if (size === undefined || roughCost(pattern) < 2) continue;
  const offers = rewriter
    .propose(pattern, Number(candidates))
    .map((result) => ({ result, size: compiledSize(result) }))
    .filter((o) => o.size !== undefined && o.size < size && termText(o.result) !== termText(pattern))
    .sort((a, b) => a.size! - b.size!);
  for (const o of offers.slice(0, 3)) {
    proposed++;
    const row = { pattern, result: o.result };
    const verdict = await proveRewrite(solver, row);
    if (verdict.k === "differs") refuted++;
    if (verdict.k === "unknown") unknown++;
    if (verdict.k !== "equal") continue;
    found.push({ row, count, saved: size - o.size! });
    break;
  }
  if (i % 200 === 0) {
    console.error(
      `${i} patterns, ${rewriter.tried} candidates, ${proposed} proposed, ${found.length} proved, ${refuted} refuted, ${unknown} undecided, ${Math.round((performance.now() - began) / 1000)} s`,
    );
    write();
  }
}
write();
console.error(
  `${found.length} rows proved of ${proposed} proposed (${refuted} refuted, ${unknown} undecided), ${rewriter.tried} candidates`,
);
solver.close();
process.exit(0);

function write(): void {
  const rows = [...found].sort((a, b) => b.count * b.saved - a.count * a.saved);
  writeFileSync(
    out!,
    [
      "# Rewrite rows: what hot code of programs computes, said more cheaply. Found by scripts/find-rewrites.ts, each proved by z3",
      "# for all values; bytes of WebAssembly saved and how often the pattern was met in the code that became hot stand behind each.",
      ...rows.map(({ row, count, saved }) => `${rewriteText(row)}  # -${saved}, ${count}`),
      "",
    ].join("\n"),
  );
}
