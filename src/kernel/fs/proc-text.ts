import type { Region } from "../address-space.ts";
import type { Process } from "../process.ts";
import { pathOf } from "./path.ts";

/** /proc/PID/maps (proc_pid_maps(5)). */
export function mapsOf(process: Process): string {
  return process.space
    .all()
    .map((region) => mapLine(process, region))
    .join("");
}

function mapLine(process: Process, region: Region): string {
  const hex = (n: number): string => n.toString(16).padStart(8, "0");
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

/** /proc/PID/stat (proc_pid_stat(5)): 52 fields, those not kept are 0. */
export function statLine(process: Process): string {
  const ticks = Math.floor(Number(process.kernel.host.cpuTime()) / 1e7);
  const start = Math.floor(Number(process.started - process.kernel.booted) / 1e7);
  const name = process.tasks[0]?.name ?? "";
  const head = `${process.pid} (${name}) R ${process.parent} ${process.pgid} ${process.sid} 34816 ${process.pgid} 4194304 0 0 0 0`;
  const times = `${ticks} 0 0 0 ${20 + process.nice} ${process.nice} ${process.tasks.length} 0 ${start}`;
  const memory = `${process.space.size} ${Math.floor(process.space.memory.used / 4096)} 18446744073709551615`;
  return `${head} ${times} ${memory}${" 0".repeat(27)}\n`;
}

/** /proc/PID/status: the lines that programs look for. */
export function statusOf(process: Process): string {
  const { real, effective, saved, groups } = process.credentials;
  const ids = (kind: "uid" | "gid"): string => [real, effective, saved, effective].map((of) => of[kind]).join("\t");
  const task = process.tasks[0];
  const kib = (bytes: number): string => `${String(Math.floor(bytes / 1024)).padStart(8)} kB`;
  const set = (bits: bigint): string => bits.toString(16).padStart(16, "0");
  const rows: [string, string][] = [
    ["Name", task?.name ?? ""],
    ["Umask", process.umask.toString(8).padStart(4, "0")],
    ["State", "R (running)"],
    ["Tgid", String(process.pid)],
    ["Pid", String(process.pid)],
    ["PPid", String(process.parent)],
    ["TracerPid", "0"],
    ["Uid", ids("uid")],
    ["Gid", ids("gid")],
    ["FDSize", "64"],
    ["Groups", groups.join(" ")],
    ["VmPeak", kib(process.space.size)],
    ["VmSize", kib(process.space.size)],
    ["VmHWM", kib(process.space.memory.used)],
    ["VmRSS", kib(process.space.memory.used)],
    ["Threads", String(process.tasks.length)],
    ["SigPnd", set(0n)],
    ["SigBlk", set(task?.blocked ?? 0n)],
    ["CapEff", set(0n)],
    ["Seccomp", "0"],
    ["Cpus_allowed", "1"],
    ["Cpus_allowed_list", "0"],
  ];
  return rows.map(([name, value]) => `${name}:\t${value}\n`).join("");
}
