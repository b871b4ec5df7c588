import type { Region } from "../address-space.ts";
import type { Limit, Process, Task } from "../process.ts";
import { bitOf, SIG_DFL, SIG_IGN } from "../signals.ts";
import type { Terminal } from "./inode.ts";
import { pathOf } from "./path.ts";

/*
 * What a process's files in /proc say (proc_pid_maps(5), proc_pid_stat(5), proc_pid_status(5), proc_pid_limits(5)).
 */

const PAGE = 4096;

/** /proc/PID/maps. */
export function mapsOf(process: Process): string {
  return process.space
    .all()
    .map((region) => mapLine(process, region))
    .join("");
}

const hex = (n: number): string => n.toString(16).padStart(8, "0");

export function mapLine(process: Process, region: Region): string {
  const { prot } = region;
  const flags = `${prot & 1 ? "r" : "-"}${prot & 2 ? "w" : "-"}${prot & 4 ? "x" : "-"}${region.shared ? "s" : "p"}`;
  const stat = region.file?.handle.stat();
  const device = stat
    ? `${(stat.dev >> 8).toString(16).padStart(2, "0")}:${(stat.dev & 255).toString(16).padStart(2, "0")}`
    : "00:00";
  const name = region.name || (region.file?.dentry ? pathOf(region.file.dentry, process.root) : "");
  const line = `${hex(region.start)}-${hex(region.end)} ${flags} ${hex(region.offset)} ${device} ${stat?.ino ?? 0} `;
  return name ? `${line.padEnd(73)}${name}\n` : `${line}\n`;
}

/** R, S, T or Z, with the word that status has for it. */
function stateOf(process: Process, task: Task | undefined): readonly [string, string] {
  if (process.exit) return ["Z", "zombie"];
  if (process.stopped) return ["T", "stopped"];
  return task?.state.k === "blocked" ? ["S", "sleeping"] : ["R", "running"];
}

function terminalOf(process: Process): Terminal | undefined {
  for (const terminal of process.kernel.terminals) if (terminal.session === process.sid) return terminal;
  return undefined;
}

/** Signals by what was set for them. */
function handled(process: Process, which: (handler: number) => boolean): bigint {
  let mask = 0n;
  for (const [signal, { handler }] of process.actions) if (which(handler)) mask |= bitOf(signal);
  return mask;
}
const ignoredSet = (process: Process): bigint => handled(process, (handler) => handler === SIG_IGN);
const caughtSet = (process: Process): bigint =>
  handled(process, (handler) => handler !== SIG_IGN && handler !== SIG_DFL);
const pendingSet = (list: readonly { signal: number }[]): bigint =>
  list.reduce((mask, { signal }) => mask | bitOf(signal), 0n);

/** No limit, as Linux prints it. */
const UNLIMITED = "18446744073709551615";
/** Terminals' device numbers begin here (major 136). */
const PTS = 0x8800;

/** /proc/PID/stat: 52 fields, those not kept are 0. */
export function statLine(process: Process, task: Task | undefined): string {
  const ticks = Math.floor(Number(process.kernel.host.cpuTime()) / 1e7);
  const start = Math.floor(Number(process.started - process.kernel.booted) / 1e7);
  const terminal = terminalOf(process);
  const word = (mask: bigint): string => String(mask & 0x7fffffffn);
  const fields = [
    ...[task?.tid ?? process.pid, `(${task?.name ?? ""})`, stateOf(process, task)[0]],
    ...[process.parent, process.pgid, process.sid, terminal ? PTS : 0, terminal?.foreground ?? -1],
    ...[4194304, 0, 0, 0, 0, ticks, 0, Math.floor(Number(process.childTime) / 1e7), 0],
    ...[20 + process.nice, process.nice, process.tasks.length, 0, start],
    ...[process.space.size, Math.floor(process.space.memory.used / PAGE), UNLIMITED],
    ...[1, 1, 0, 0, 0, word(pendingSet(process.pending)), word(task?.blocked ?? 0n)],
    ...[word(ignoredSet(process)), word(caughtSet(process)), 0, 0, 0, process.exitSignal, 0, 0, 0, 0, 0, 0],
    ...[0, 0, process.space.brkStart, 0, 0, 0, 0, 0],
  ];
  return `${fields.join(" ")}\n`;
}

/** Pages: in all, in memory, of files, of text, 0, of data and stack, 0. */
export function statmLine(process: Process): string {
  const { anonymous, files, code, data } = figures(process);
  const pages = [process.space.size, anonymous + files, files, code, 0, data, 0];
  return `${pages.map((bytes) => Math.floor(bytes / PAGE)).join(" ")}\n`;
}

/** Bytes of a process's memory by kind. */
function figures(process: Process) {
  const sum = { anonymous: 0, files: 0, code: 0, data: 0, stack: 0, libraries: 0 };
  for (const region of process.space.all()) {
    const size = region.end - region.start;
    const path = region.name.startsWith("/") || region.file?.dentry;
    if (region.prot) sum[path && !(region.prot & 2) ? "files" : "anonymous"] += size;
    if (region.name === "[stack]") sum.stack += size;
    else if (region.prot & 4) sum[region.name === process.executable ? "code" : "libraries"] += size;
    if (region.prot & 2 && !region.shared) sum.data += size;
  }
  return sum;
}

/** /proc/PID/status. */
export function statusOf(process: Process, task: Task | undefined): string {
  const { real, effective, saved, groups } = process.credentials;
  const ids = (kind: "uid" | "gid"): string => [real, effective, saved, effective].map((of) => of[kind]).join("\t");
  const { anonymous, files, code, data, stack, libraries } = figures(process);
  const kib = (bytes: number): string => `${String(Math.floor(bytes / 1024)).padStart(8)} kB`;
  const set = (bits: bigint): string => bits.toString(16).padStart(16, "0");
  const [letter, word] = stateOf(process, task);
  const { pid, pgid, sid, space } = process;
  const tid = task?.tid ?? pid;
  const signals = process.limits.get("RLIMIT_SIGPENDING")!.cur;
  const queued = process.pending.length + process.tasks.reduce((sum, t) => sum + t.pending.length, 0);
  const rows: [string, string | number][] = [
    ...[["Name", task?.name ?? ""] as [string, string]],
    ["Umask", process.umask.toString(8).padStart(4, "0")],
    ["State", `${letter} (${word})`],
    ["Tgid", pid],
    ["Ngid", 0],
    ["Pid", tid],
    ["PPid", process.parent],
    ["TracerPid", 0],
    ["Uid", ids("uid")],
    ["Gid", ids("gid")],
    ["FDSize", 64],
    ["Groups", `${groups.join(" ")} `],
    ["NStgid", pid],
    ["NSpid", tid],
    ["NSpgid", pgid],
    ["NSsid", sid],
    ["VmPeak", kib(space.size)],
    ["VmSize", kib(space.size)],
    ["VmLck", kib(0)],
    ["VmPin", kib(0)],
    ["VmHWM", kib(anonymous + files)],
    ["VmRSS", kib(anonymous + files)],
    ["RssAnon", kib(anonymous)],
    ["RssFile", kib(files)],
    ["RssShmem", kib(0)],
    ["VmData", kib(data)],
    ["VmStk", kib(stack)],
    ["VmExe", kib(code)],
    ["VmLib", kib(libraries)],
    ["VmPTE", kib(0)],
    ["VmSwap", kib(0)],
    ["HugetlbPages", kib(0)],
    ["CoreDumping", 0],
    ["THP_enabled", 0],
    ["Threads", process.tasks.length],
    ["SigQ", `${queued}/${signals}`],
    ["SigPnd", set(pendingSet(task?.pending ?? []))],
    ["ShdPnd", set(pendingSet(process.pending))],
    ["SigBlk", set(task?.blocked ?? 0n)],
    ["SigIgn", set(ignoredSet(process))],
    ["SigCgt", set(caughtSet(process))],
    ...["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map((name): [string, string] => [name, set(0n)]),
    ["NoNewPrivs", process.options.get("PR_NO_NEW_PRIVS") ?? 0],
    ["Seccomp", 0],
    ["Seccomp_filters", 0],
    ["Cpus_allowed", "1"],
    ["Cpus_allowed_list", "0"],
    ["Mems_allowed", "00000000,00000001"],
    ["Mems_allowed_list", "0"],
    ["voluntary_ctxt_switches", 0],
    ["nonvoluntary_ctxt_switches", 0],
  ];
  return rows.map(([name, value]) => `${name}:\t${value}\n`).join("");
}

/** Rows of /proc/PID/limits in its order: text, limit, unit. */
const LIMITS = [
  ["Max cpu time", "RLIMIT_CPU", "seconds"],
  ["Max file size", "RLIMIT_FSIZE", "bytes"],
  ["Max data size", "RLIMIT_DATA", "bytes"],
  ["Max stack size", "RLIMIT_STACK", "bytes"],
  ["Max core file size", "RLIMIT_CORE", "bytes"],
  ["Max resident set", "RLIMIT_RSS", "bytes"],
  ["Max processes", "RLIMIT_NPROC", "processes"],
  ["Max open files", "RLIMIT_NOFILE", "files"],
  ["Max locked memory", "RLIMIT_MEMLOCK", "bytes"],
  ["Max address space", "RLIMIT_AS", "bytes"],
  ["Max file locks", "RLIMIT_LOCKS", "locks"],
  ["Max pending signals", "RLIMIT_SIGPENDING", "signals"],
  ["Max msgqueue size", "RLIMIT_MSGQUEUE", "bytes"],
  ["Max nice priority", "RLIMIT_NICE", ""],
  ["Max realtime priority", "RLIMIT_RTPRIO", ""],
  ["Max realtime timeout", "RLIMIT_RTTIME", "us"],
] as const;

export function limitsOf(process: Process): string {
  const show = (n: number): string => (Number.isFinite(n) ? String(n) : "unlimited");
  const line = (text: string, soft: string, hard: string, unit: string): string =>
    `${text.padEnd(25)} ${soft.padEnd(20)} ${hard.padEnd(20)} ${unit === "" ? "" : unit.padEnd(10)}\n`;
  const rows = LIMITS.map(([text, name, unit]) => {
    const { cur, max }: Limit = process.limits.get(name)!;
    return line(text, show(cur), show(max), unit);
  });
  return line("Limit", "Soft Limit", "Hard Limit", "Units") + rows.join("");
}
