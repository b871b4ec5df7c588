import type { Description } from "../files.ts";
import { F } from "../flags.ts";
import type { Kernel } from "../kernel.ts";
import { posix } from "../posix.ts";
import type { Process, Task } from "../process.ts";
import { nodesOf, ProcDir, ProcFile, ProcLink, Reopened } from "./generated.ts";
import type { Inode } from "./inode.ts";
import { pathOf } from "./path.ts";
import { rollupOf, smapsOf } from "./proc-smaps.ts";
import { limitsOf, mapsOf, statLine, statmLine, statusOf } from "./proc-text.ts";

/*
 * /proc/PID and /proc/PID/task/TID.
 */

const OOM_LEAST = -1000;
const OOM_MOST = 1000;
/** mnt_id of the root file system in mountinfo. */
const ROOT_MOUNT = 21;

/** The entries of a process, or with `thread` of one of its threads. */
export function processEntries(kernel: Kernel, process: Process, thread?: Task): Map<string, () => Inode> {
  const { file, line, dir, link } = nodesOf(kernel);
  const task = (): Task | undefined => thread ?? process.tasks[0];
  const entries: Record<string, () => Inode> = {
    exe: () => new ProcLink(kernel, () => process.executable),
    cwd: link(
      () => pathOf(process.cwd, process.root),
      () => process.cwd.inode,
    ),
    root: link(
      () => "/",
      () => process.root.inode,
    ),
    cmdline: file(() => process.args.map((arg) => `${arg}\0`).join("")),
    environ: file(() => process.env.map((entry) => `${entry}\0`).join("")),
    auxv: file(() => process.auxv),
    comm: file(
      () => `${task()?.name ?? ""}\n`,
      (text) => rename(task(), text),
    ),
    maps: file(() => mapsOf(process)),
    smaps: file(() => smapsOf(process)),
    stat: file(() => statLine(process, task())),
    statm: file(() => statmLine(process)),
    status: file(() => statusOf(process, task())),
    limits: file(() => limitsOf(process)),
    mounts: file(() => mounts(kernel)),
    mountinfo: file(() => mountinfo()),
    cgroup: line("0::/"),
    cpuset: line("/"),
    oom_score: line(0),
    oom_score_adj: () => oomScore(kernel, process),
    uid_map: file(() => idMap()),
    gid_map: file(() => idMap()),
    setgroups: line("allow"),
    loginuid: file(() => String(0xffffffff)),
    sessionid: file(() => String(0xffffffff)),
    personality: line("00000000"),
    schedstat: line("0 0 0"),
    children: file(() => [...process.children].map(({ pid }) => `${pid} `).join("")),
    fd: () => new ProcDir(kernel, () => descriptors(kernel, process)),
    fdinfo: () => new ProcDir(kernel, () => infos(kernel, process)),
  };
  if (thread) return new Map(Object.entries(entries));
  delete entries.children;
  entries.smaps_rollup = file(() => rollupOf(process));
  entries.coredump_filter = line("00000033");
  const threads = (): Map<string, () => Inode> =>
    new Map(process.tasks.map((t) => [String(t.tid), dir(() => processEntries(kernel, process, t))]));
  entries.task = () => new ProcDir(kernel, threads);
  return new Map(Object.entries(entries));
}

function rename(task: Task | undefined, text: string): void {
  if (task) task.name = text.replace(/\n$/, "").slice(0, 15);
}

/** A number that is kept and means nothing here: no process is killed for want of memory. */
function oomScore(kernel: Kernel, process: Process): Inode {
  const take = (text: string): void => {
    const wish = Number(text.trim() || "x");
    if (!Number.isInteger(wish) || wish < OOM_LEAST || wish > OOM_MOST) throw posix("EINVAL");
    process.options.set("oom_score_adj", wish);
  };
  return new ProcFile(kernel, () => `${process.options.get("oom_score_adj") ?? 0}\n`, take);
}

function descriptors(kernel: Kernel, process: Process): Map<string, () => Inode> {
  const out = new Map<string, () => Inode>();
  for (const fd of process.files.numbers()) {
    const file = process.files.get(fd);
    const text = (): string => (file.dentry ? pathOf(file.dentry, process.root) : file.label);
    const goes = (): Inode => file.dentry?.inode ?? new Reopened(file.handle);
    out.set(String(fd), () => new ProcLink(kernel, text, goes));
  }
  return out;
}

function infos(kernel: Kernel, process: Process): Map<string, () => Inode> {
  const out = new Map<string, () => Inode>();
  for (const fd of process.files.numbers()) {
    const { file, cloexec } = process.files.slot(fd);
    out.set(String(fd), () => new ProcFile(kernel, () => fdInfo(process, file, cloexec)));
  }
  return out;
}

/** proc_pid_fdinfo(5). */
function fdInfo(process: Process, file: Description, cloexec: boolean): string {
  const large = file.dentry && !(file.flags & F.O_PATH) ? F.O_LARGEFILE : 0;
  const flags = process.personality.openFlags(file.flags | large | (cloexec ? F.O_CLOEXEC : 0));
  const rows = {
    pos: file.position,
    flags: `0${flags.toString(8)}`,
    mnt_id: ROOT_MOUNT,
    ino: file.handle.stat().ino,
    ...file.handle.info?.(),
  };
  return Object.entries(rows)
    .map(([name, value]) => `${name}:\t${value}\n`)
    .join("");
}

/** id in mountinfo, parent, device, place, type, source; the first is the root. */
const MOUNTS = [
  [ROOT_MOUNT, 1, "0:31", "/", "overlay", "sage"],
  [22, ROOT_MOUNT, "0:21", "/proc", "proc", "proc"],
  [23, ROOT_MOUNT, "0:22", "/sys", "sysfs", "sysfs"],
  [24, ROOT_MOUNT, "0:6", "/dev", "devtmpfs", "devtmpfs"],
  [25, 24, "0:24", "/dev/pts", "devpts", "devpts"],
] as const;

function mounts(kernel: Kernel): string {
  const root = kernel.root.inode.fsKind;
  return MOUNTS.map(([, , , at, type, source]) => `${source} ${at} ${at === "/" ? root : type} rw,relatime 0 0\n`).join(
    "",
  );
}

function mountinfo(): string {
  return MOUNTS.map(
    ([id, parent, device, at, type, source]) =>
      `${id} ${parent} ${device} / ${at} rw,relatime - ${type} ${source} rw\n`,
  ).join("");
}

/** Everybody is who he is: one user namespace. */
const idMap = (): string => `${"0".padStart(10)} ${"0".padStart(10)} ${String(0xffffffff).padStart(10)}\n`;
