// What runtimes read of /proc and /sys, in form as this machine's Linux prints it: lines, names, order, columns.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import test from "node:test";
import { GUESTS } from "../guests.ts";
import { sage } from "./command.ts";
import { rootOf, whyNoRoot } from "./root.ts";

/** A line without its values: every number is N, as wide as its column is. */
function form(line: string): string {
  return line
    .replace(/\b0x[0-9a-f]+\b|\b[0-9a-f]{8,}\b/g, "N")
    .replace(/ *-?\d+(\.\d+)?(?= kB$)/, (n) => (n.length >= 8 ? "  N" : " N"))
    .replace(/-?\d+(\.\d+)?/g, "N");
}

/** What stands before the value of "Name:  value", with what fills the column. */
const nameOf = (line: string): string => line.match(/^[^:]*:\t?/)?.[0] ?? line;
const unitOf = (line: string): string => line.match(/ kB$/)?.[0] ?? "";

type Compare = (sage: readonly string[], linux: readonly string[]) => void;

/** Lines that are names with values: each is one of Linux's, in its order, with its unit. */
const names: Compare = (sage, linux) => {
  const known = linux.map((line) => nameOf(line) + unitOf(line));
  let at = -1;
  for (const line of sage) {
    const next = known.indexOf(nameOf(line) + unitOf(line), at + 1);
    assert.ok(next > at, `Linux has no line like this one here: ${JSON.stringify(line)}`);
    at = next;
  }
};
/** The same number of lines, each with as many words. */
const words: Compare = (sage, linux) => {
  const count = (lines: readonly string[]): number[] => lines.map((line) => line.split(/\s+/).length);
  assert.deepEqual(count(sage), count(linux));
};
/** Every line is a number, or words, as Linux's are. */
const forms: Compare = (sage, linux) => assert.deepEqual(sage.map(form), linux.map(form));
/** The first line alone. */
const first =
  (compare: Compare): Compare =>
  (sage, linux) =>
    compare(sage.slice(0, 1), linux.slice(0, 1));
/** Every line matches. */
const each =
  (pattern: RegExp): Compare =>
  (sage, linux) => {
    for (const line of [...sage, ...linux]) assert.match(line, pattern);
  };
/** The first mapping's lines. */
const mapping: Compare = (sage, linux) => {
  const cut = (lines: readonly string[]): readonly string[] => {
    const end = lines.findIndex((line) => line.startsWith("VmFlags"));
    return lines.slice(1, end + 1);
  };
  assert.match(sage[0]!, MAPPING);
  names(cut(sage), cut(linux));
};
const MAPPING = /^[0-9a-f]{8,}-[0-9a-f]{8,} [r-][w-][x-][ps] [0-9a-f]{8} [0-9a-f]{2,}:[0-9a-f]{2} \d+ ( +\S.*)?$/;
const MOUNT = /^\d+ \d+ \d+:\d+ \S+ \S+ \S+( \S+)* - \S+ \S+ \S+$/;

const FILES: readonly (readonly [string, Compare])[] = [
  ["/proc/self/maps", each(MAPPING)],
  ["/proc/self/smaps", mapping],
  ["/proc/self/smaps_rollup", (sage, linux) => names(sage.slice(1), linux.slice(1))],
  ["/proc/self/stat", words],
  ["/proc/self/statm", forms],
  ["/proc/self/status", names],
  ["/proc/self/limits", (sage, linux) => assert.deepEqual(sage.map(limit), linux.map(limit))],
  ["/proc/self/mounts", each(/^\S+ \/\S* \S+ \S+ 0 0$/)],
  ["/proc/self/mountinfo", each(MOUNT)],
  ["/proc/self/cgroup", each(/^\d+:[^:]*:\//)],
  ["/proc/self/oom_score", forms],
  ["/proc/self/oom_score_adj", forms],
  ["/proc/self/fdinfo/1", (sage, linux) => names(sage.slice(0, 4), linux.slice(0, 4))],
  ["/proc/self/comm", each(/^\S+$/)],
  ["/proc/self/uid_map", forms],
  ["/proc/meminfo", names],
  ["/proc/stat", (sage, linux) => assert.deepEqual(kinds(sage), kinds(linux))],
  ["/proc/loadavg", words],
  ["/proc/uptime", words],
  ["/proc/sys/vm/overcommit_memory", forms],
  ["/proc/sys/vm/max_map_count", forms],
  ["/proc/sys/kernel/osrelease", first(words)],
  ["/proc/sys/kernel/pid_max", forms],
  ["/proc/sys/kernel/ngroups_max", forms],
  ["/proc/sys/kernel/cap_last_cap", forms],
  ["/proc/sys/kernel/random/boot_id", each(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)],
  ["/proc/sys/kernel/random/entropy_avail", forms],
  ["/proc/sys/net/core/somaxconn", forms],
  ["/proc/sys/fs/file-max", words],
  ["/sys/devices/system/cpu/online", each(/^\d+(-\d+)?(,\d+(-\d+)?)*$/)],
  ["/sys/devices/system/cpu/possible", each(/^\d+(-\d+)?(,\d+(-\d+)?)*$/)],
  ["/sys/kernel/mm/transparent_hugepage/enabled", each(/^(\[?\w+\]? ?){3}$/)],
  ["/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", forms],
];

/** Text, where columns begin, unit. */
const limit = (line: string): string =>
  line.replace(/\d+|unlimited/g, (value) => "N".padEnd(value.length)).replace(/N */g, "N ");
/** First words; processors are counted once. */
const kinds = (lines: readonly string[]): string[] => [
  ...new Set(lines.map((line) => line.split(" ")[0]!.replace(/^cpu\d+/, "cpuN"))),
];

const lines = (text: string): string[] => text.replace(/\n$/, "").split("\n");

for (const guest of GUESTS) {
  test(`${guest.isa}: /proc and /sys read as Linux's do`, { skip: whyNoRoot(guest) ?? false }, async (t) => {
    const files = FILES.filter(([path]) => existsSync(path));
    const line = files.map(([path]) => `echo "== ${path}"; cat ${path}`).join("; ");
    const ran = await sage(["--root", rootOf(guest)], ["/bin/busybox", "sh", "-c", line]);
    assert.equal(ran.stderr.toString(), "");
    const parts = new Map(
      ran.stdout
        .toString()
        .split(/^== /m)
        .slice(1)
        .map((part) => [part.slice(0, part.indexOf("\n")), part.slice(part.indexOf("\n") + 1)]),
    );
    for (const [path, compare] of files)
      await t.test(path, () => compare(lines(parts.get(path) ?? "no such file"), lines(readFileSync(path, "utf8"))));
    const auxv = await sage(["--root", rootOf(guest)], ["/bin/busybox", "cat", "/proc/self/auxv"]);
    assert.equal(auxv.stdout.length % 16, 0);
    assert.deepEqual(auxv.stdout.subarray(-16), Buffer.alloc(16));
  });
}
