import { CWD } from "../files.ts";
import { F } from "../flags.ts";
import { pathOf } from "../fs/path.ts";
import type { Place, Span, Timeval } from "../guest.ts";
import { toTimeval } from "../guest.ts";
import { posix } from "../posix.ts";
import type { Limit, Process, Task } from "../process.ts";
import { locate } from "../resolve.ts";
import { block, fail, type SyscallResult } from "../result.ts";

interface IntValue {
  readonly value: number;
}

export function exit(task: Task, status: number): SyscallResult {
  return { k: "exit", status: status & 0xff, group: task.process.tasks.length === 1 };
}
export function exitGroup(_task: Task, status: number): SyscallResult {
  return { k: "exit", status: status & 0xff, group: true };
}
/** Strings of an execve vector, each with its pointer. `argv` null is no strings. Throws EFAULT, E2BIG. */
function strings(task: Task, at: number): string[] {
  const { memory } = task.space;
  const out: string[] = [];
  if (at === 0) return out;
  for (let i = 0; ; i++) {
    if (i > MAX_STRINGS) throw posix("E2BIG");
    const pointer = memory.u64(at + i * 8);
    if (pointer === 0) return out;
    const bytes = memory.cstring(pointer, MAX_STRING);
    if (!bytes) throw posix("E2BIG");
    out.push(task.personality.text(bytes));
  }
}
const MAX_STRINGS = 0x40000;
const MAX_STRING = 0x20000;

export function execve(task: Task, path: string, argv: number, envp: number): SyscallResult {
  const args = strings(task, argv);
  return task.personality.exec(task, path, args.length ? args : [""], strings(task, envp));
}

/** execveat(2): the program by its path from a directory, or the descriptor itself with AT_EMPTY_PATH. */
export function execveat(
  task: Task,
  dir: number,
  path: string,
  argv: number,
  envp: number,
  flags: number,
): SyscallResult {
  if (path === "" && !(flags & F.AT_EMPTY_PATH)) return fail("ENOENT");
  const at = locate(task, dir, path, !(flags & F.AT_SYMLINK_NOFOLLOW), true);
  if (at.inode.type === "link") return fail("ELOOP");
  const file = task.files.peek(dir);
  const found = path.startsWith("/") || dir === CWD ? path : file?.dentry ? pathOf(at) : `/dev/fd/${dir}`;
  return execve(task, found, argv, envp);
}

export const zero = (): SyscallResult => 0;
export const notPermitted = (): SyscallResult => fail("EPERM");

export function setTidAddress(task: Task, address: number): SyscallResult {
  task.clearTid = address;
  return task.tid;
}
export function setRobustList(task: Task, head: number, size: number): SyscallResult {
  if (size !== 24) return fail("EINVAL");
  task.robustList = { head, size };
  return 0;
}
export function getRobustList(task: Task, pid: number, head: Place<IntValue>, len: Place<IntValue>): SyscallResult {
  if (pid !== 0 && pid !== task.tid) return fail("ESRCH");
  head.set({ value: task.robustList.head });
  len.set({ value: task.robustList.size || 24 });
  return 0;
}

export const getpid = (task: Task): SyscallResult => task.process.pid;
export const getppid = (task: Task): SyscallResult => task.process.parent;
export const gettid = (task: Task): SyscallResult => task.tid;

/** The process that a pid argument means: 0 and its own. */
function named(task: Task, pid: number): Process | null {
  return pid === 0 ? task.process : (task.kernel.processes.get(pid) ?? null);
}
export function getpgid(task: Task, pid: number): SyscallResult {
  return named(task, pid)?.pgid ?? fail("ESRCH");
}
export function setpgid(task: Task, pid: number, group: number): SyscallResult {
  const own = task.process;
  if (group < 0) return fail("EINVAL");
  const process = named(task, pid);
  if (!process || (process !== own && process.maker !== own)) return fail("ESRCH");
  if (process !== own && process.sid !== own.sid) return fail("EPERM");
  if (process !== own && process.replaced) return fail("EACCES");
  if (process.sid === process.pid) return fail("EPERM");
  const wish = group || process.pid;
  if (wish !== process.pid && !groupIn(task, wish, own.sid)) return fail("EPERM");
  process.pgid = wish;
  return 0;
}
function groupIn(task: Task, pgid: number, sid: number): boolean {
  for (const other of task.kernel.processes.values()) if (other.pgid === pgid && other.sid === sid) return true;
  return false;
}
export function getsid(task: Task, pid: number): SyscallResult {
  return named(task, pid)?.sid ?? fail("ESRCH");
}
export function setsid(task: Task): SyscallResult {
  const { process } = task;
  for (const other of task.kernel.processes.values()) if (other.pgid === process.pid) return fail("EPERM");
  process.sid = process.pid;
  process.pgid = process.pid;
  return process.pid;
}

export function uname(task: Task, buf: Place<Readonly<Record<string, string>>>): SyscallResult {
  const { sysname, release, version, machine } = task.personality;
  buf.set({ sysname, nodename: task.kernel.host.hostname, release, version, machine, domainname: "(none)" });
  return 0;
}

/** Applies a limit where it is enforced. Infinity crosses as 2^64 - 1. */
function setLimit(task: Task, resource: string, wish: Limit): SyscallResult {
  const infinite = (n: number): number => (n >= 2 ** 63 ? Number.POSITIVE_INFINITY : n);
  const limit = { cur: infinite(wish.cur), max: infinite(wish.max) };
  const { process } = task;
  const old = process.limits.get(resource);
  if (!old || limit.cur > limit.max) return fail("EINVAL");
  if (limit.max > old.max) return fail("EPERM");
  process.limits.set(resource, limit);
  if (resource === "RLIMIT_NOFILE") process.files.limit = limit.cur;
  if (resource === "RLIMIT_AS") process.space.limit = limit.cur;
  return 0;
}
export function getrlimit(task: Task, resource: string, place: Place<Limit>): SyscallResult {
  const limit = task.process.limits.get(resource);
  if (!limit) return fail("EINVAL");
  place.set(limit);
  return 0;
}
export function setrlimit(task: Task, resource: string, place: Place<Limit>): SyscallResult {
  return setLimit(task, resource, place.get());
}
export function prlimit(
  task: Task,
  pid: number,
  resource: string,
  fresh: Place<Limit>,
  old: Place<Limit>,
): SyscallResult {
  if (!named(task, pid)) return fail("ESRCH");
  const before = task.process.limits.get(resource);
  if (!before) return fail("EINVAL");
  const wish = fresh.isNull ? null : fresh.get();
  const done = wish ? setLimit(task, resource, wish) : 0;
  if (done === 0 && !old.isNull) old.set(before);
  return done;
}

export function getrusage(
  task: Task,
  who: string,
  usage: Place<Readonly<Record<string, number | Timeval>>>,
): SyscallResult {
  if (who === "") return fail("EINVAL");
  const { host } = task.kernel;
  const self = who !== "RUSAGE_CHILDREN";
  const utime = toTimeval(self ? host.cpuTime() : 0n);
  usage.set({ utime, stime: { sec: 0, usec: 0 }, maxrss: self ? Math.floor(task.space.memory.used / 1024) : 0 });
  return 0;
}

export function sysinfo(task: Task, buf: Place<Readonly<Record<string, number>>>): SyscallResult {
  const { kernel } = task;
  const uptime = Number((kernel.host.monotonic() - kernel.booted) / 1_000_000_000n);
  const freeram = kernel.memory - task.space.memory.used;
  buf.set({ uptime, totalram: kernel.memory, freeram, procs: kernel.processes.size, mem_unit: 1 });
  return 0;
}

export function getrandom(task: Task, buf: Span): SyscallResult {
  const part = buf.slice(0, Math.min(buf.size, 0x1ffffff));
  const into = part.target;
  for (let at = 0; at < into.length; at += 65536)
    task.kernel.host.random(into.subarray(at, Math.min(at + 65536, into.length)));
  return into.length;
}

/** There is one cpu. */
export function schedGetAffinity(task: Task, pid: number, size: number, mask: Span): SyscallResult {
  if (!named(task, pid)) return fail("ESRCH");
  if (size < 8 || size % 8) return fail("EINVAL");
  const into = mask.slice(0, 8).target;
  into.fill(0);
  into[0] = 1;
  return 8;
}
export function schedSetAffinity(task: Task, pid: number, size: number, mask: Span): SyscallResult {
  if (!named(task, pid)) return fail("ESRCH");
  return size > 0 && mask.slice(0, Math.min(size, 8)).source[0]! & 1 ? 0 : fail("EINVAL");
}
/** Everybody else gets a turn first. */
export function schedYield(): SyscallResult {
  let turn = 0;
  return block({ until: null, poll: () => (turn++ ? 0 : null), expired: () => 0, outside: false });
}
export function schedGet(task: Task, pid: number): SyscallResult {
  return named(task, pid) ? 0 : fail("ESRCH");
}
export function schedGetParam(task: Task, pid: number, param: Place<{ priority: number }>): SyscallResult {
  if (!named(task, pid)) return fail("ESRCH");
  param.set({ priority: 0 });
  return 0;
}
export function schedSetParam(task: Task, pid: number, param: Place<{ priority: number }>): SyscallResult {
  if (!named(task, pid)) return fail("ESRCH");
  return param.get().priority === 0 ? 0 : fail("EINVAL");
}
export function schedSet(task: Task, pid: number, policy: string, param: Place<{ priority: number }>): SyscallResult {
  if (policy === "") return fail("EINVAL");
  if (policy === "SCHED_FIFO" || policy === "SCHED_RR" || policy === "SCHED_DEADLINE") return fail("EPERM");
  return schedSetParam(task, pid, param);
}
const realtime = (policy: string): boolean => policy === "SCHED_FIFO" || policy === "SCHED_RR";
export const schedPriorityMax = (_task: Task, policy: string): SyscallResult =>
  policy === "" ? fail("EINVAL") : realtime(policy) ? 99 : 0;
export const schedPriorityMin = (_task: Task, policy: string): SyscallResult =>
  policy === "" ? fail("EINVAL") : realtime(policy) ? 1 : 0;
export function getcpu(_task: Task, cpu: Place<IntValue>, node: Place<IntValue>): SyscallResult {
  for (const place of [cpu, node]) if (!place.isNull) place.set({ value: 0 });
  return 0;
}
/** The raw call tells 20 - nice, so that it is never negative. */
export function getPriority(task: Task, which: string): SyscallResult {
  return which === "" ? fail("EINVAL") : 20 - task.process.nice;
}
export function setPriority(task: Task, which: string, _who: number, nice: number): SyscallResult {
  if (which === "") return fail("EINVAL");
  const wish = Math.max(-20, Math.min(19, nice));
  if (wish < task.process.nice && task.process.ids.uid !== 0) return fail("EACCES");
  task.process.nice = wish;
  return 0;
}

/** personality(2): asking (all ones) tells 0, which is also all that can be set. */
export function personality(_task: Task, persona: number): SyscallResult {
  return persona === 0xffffffff || persona === 0 ? 0 : fail("EINVAL");
}

const CAPABILITY_VERSION = 0x20080522;
interface CapHeader {
  readonly version: number;
  readonly pid: number;
}
type CapData = Readonly<Record<"effective" | "permitted" | "inheritable", number>>;
const NO_CAPS: CapData = { effective: 0, permitted: 0, inheritable: 0 };

export function capget(task: Task, header: Place<CapHeader>, data: Place<CapData>): SyscallResult {
  const { version, pid } = header.get();
  if (version !== CAPABILITY_VERSION) {
    header.set({ version: CAPABILITY_VERSION, pid });
    return data.isNull ? 0 : fail("EINVAL");
  }
  if (!named(task, pid)) return fail("ESRCH");
  for (let i = 0; i < 2 && !data.isNull; i++) data.set(NO_CAPS, i);
  return 0;
}
export function capset(_task: Task, header: Place<CapHeader>, data: Place<CapData>): SyscallResult {
  if (header.get().version !== CAPABILITY_VERSION) return fail("EINVAL");
  const wish = [data.get(0), data.get(1)];
  return wish.every((c) => !c.effective && !c.permitted && !c.inheritable) ? 0 : fail("EPERM");
}

/** CAP_CHECKPOINT_RESTORE (capabilities(7)). */
const LAST_CAPABILITY = 40;

/** prctl operations that are remembered nowhere and change nothing for one process. */
export function processOption(_task: Task, _option: number, value: number): SyscallResult {
  return value <= 64 ? 0 : fail("EINVAL");
}
/** prctl options that are on or off; more than 1 is a mistake. */
export function setFlag(_task: Task, _option: number, value: number): SyscallResult {
  return value <= 1 ? 0 : fail("EINVAL");
}
/** Nanoseconds; 0 asks for the default again. */
const TIMER_SLACK = 50_000;
export function setTimerSlack(task: Task, _option: number, ns: number): SyscallResult {
  task.process.options.set("timer slack", ns === 0 ? TIMER_SLACK : ns);
  return 0;
}
export const getTimerSlack = (task: Task): SyscallResult => task.process.options.get("timer slack") ?? TIMER_SLACK;
export function setHugePages(task: Task, _option: number, value: number): SyscallResult {
  task.process.options.set("no huge pages", value ? 1 : 0);
  return 0;
}
export const getHugePages = (task: Task): SyscallResult => task.process.options.get("no huge pages") ?? 0;

/** PR_CAP_AMBIENT's second argument: is set, raise, lower, clear all. There are none, and none can be had. */
const AMBIENT = { isSet: 1, raise: 2, lower: 3, clearAll: 4 } as const;
export function ambientCapability(_task: Task, _option: number, what: number, capability: number): SyscallResult {
  if (what === AMBIENT.clearAll) return capability ? fail("EINVAL") : 0;
  if (what < AMBIENT.isSet || what > AMBIENT.clearAll || capability > LAST_CAPABILITY) return fail("EINVAL");
  return what === AMBIENT.raise ? fail("EPERM") : 0;
}

/** Signal that the process gets when its parent ends. */
export function setDeathSignal(task: Task, _option: number, signal: number): SyscallResult {
  if (signal < 0 || signal > 64) return fail("EINVAL");
  task.process.deathSignal = signal;
  return 0;
}
export function getDeathSignal(task: Task, _option: number, place: Place<IntValue>): SyscallResult {
  place.set({ value: task.process.deathSignal });
  return 0;
}
export function setReaper(task: Task, _option: number, value: number): SyscallResult {
  task.process.reaper = value !== 0;
  return 0;
}
export function getReaper(task: Task, _option: number, place: Place<IntValue>): SyscallResult {
  place.set({ value: Number(task.process.reaper) });
  return 0;
}
export const dumpable = (): SyscallResult => 1;
export function capabilityBound(_task: Task, _option: number, capability: number): SyscallResult {
  return capability <= LAST_CAPABILITY ? 0 : fail("EINVAL");
}
export const nameMapping = (): SyscallResult => 0;

const NAME_SIZE = 16;
export function setName(task: Task, _option: number, address: number): SyscallResult {
  const { memory } = task.space;
  const bytes = memory.cstring(address, NAME_SIZE) ?? memory.read(address, NAME_SIZE - 1);
  task.name = new TextDecoder().decode(bytes.subarray(0, NAME_SIZE - 1));
  return 0;
}
export function getName(task: Task, _option: number, address: number): SyscallResult {
  const out = new Uint8Array(NAME_SIZE);
  out.set(new TextEncoder().encode(task.name).subarray(0, NAME_SIZE - 1));
  task.space.memory.write(address, out);
  return 0;
}
