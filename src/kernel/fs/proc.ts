import type { Kernel } from "../kernel.ts";
import { posix } from "../posix.ts";
import type { Process } from "../process.ts";
import { nodesOf, ProcDir, ProcLink } from "./generated.ts";
import type { Inode } from "./inode.ts";
import { processEntries } from "./proc-process.ts";

/*
 * /proc: generated when opened. Only what programs are known to read; a name that is not here is ENOENT, as on a kernel
 * that was built without it. Forms are Linux's (proc(5)), and tests hold them against it.
 */

export function procFolder(kernel: Kernel, now: () => bigint): Inode {
  const { file, line, folder, dir } = nodesOf(kernel);
  const current = (): Process => {
    if (!kernel.current) throw posix("ENOENT");
    return kernel.current;
  };
  const { personality } = kernel;
  const uptime = (): number => Number(kernel.host.monotonic() - kernel.booted) / 1e9;
  const boot = { id: "" };
  const bootId = (): string => {
    boot.id ||= uuid(kernel);
    return boot.id;
  };
  const fixed: Record<string, () => Inode> = {
    self: () => new ProcLink(kernel, () => String(current().pid)),
    "thread-self": () => new ProcLink(kernel, () => `${current().pid}/task/${kernel.running?.tid ?? current().pid}`),
    mounts: () => new ProcLink(kernel, () => "self/mounts"),
    meminfo: file(() => meminfo(kernel)),
    cpuinfo: file(() => personality.cpuinfo),
    version: line(`${personality.sysname} version ${personality.release} (sage) ${personality.version}`),
    uptime: file(() => `${uptime().toFixed(2)} 0.00\n`),
    loadavg: file(() => `0.00 0.00 0.00 1/${kernel.tasks.size} ${current().pid}\n`),
    filesystems: file(
      () => "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tdevpts\nnodev\toverlay\n",
    ),
    stat: file(() => cpuStat(kernel, now)),
    cmdline: line(""),
    swaps: line("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority"),
    sys: folder({
      kernel: folder(kernelFacts(kernel, bootId)),
      vm: folder(
        lines(kernel, {
          overcommit_memory: 0,
          overcommit_ratio: 50,
          max_map_count: 65530,
          mmap_min_addr: 65536,
          swappiness: 60,
          nr_hugepages: 0,
          min_free_kbytes: 16384,
        }),
      ),
      fs: folder({
        ...lines(kernel, { "file-max": 1048576, nr_open: 1048576, "pipe-max-size": 1048576, "aio-max-nr": 65536 }),
        "file-nr": line(`${kernel.openFiles}\t0\t1048576`),
        inotify: folder(lines(kernel, { max_queued_events: 16384, max_user_instances: 128, max_user_watches: 65536 })),
      }),
      net: folder({
        core: folder(lines(kernel, { somaxconn: 4096, rmem_default: 212992, wmem_default: 212992, rmem_max: 212992 })),
        ipv4: folder({
          ip_local_port_range: line("32768\t60999"),
          ...lines(kernel, { tcp_fin_timeout: 60, tcp_keepalive_time: 7200, tcp_syncookies: 1 }),
        }),
      }),
    }),
  };
  const always = new Map(Object.entries(fixed));
  return new ProcDir(kernel, () => {
    const all = new Map(always);
    for (const process of kernel.processes.values())
      all.set(
        String(process.pid),
        dir(() => processEntries(kernel, process)),
      );
    return all;
  });
}

function lines(kernel: Kernel, values: Readonly<Record<string, string | number>>): Record<string, () => Inode> {
  const { line } = nodesOf(kernel);
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, line(value)]));
}

function kernelFacts(kernel: Kernel, bootId: () => string): Record<string, () => Inode> {
  const { file, folder, line } = nodesOf(kernel);
  const { personality } = kernel;
  return {
    ...lines(kernel, {
      ostype: personality.sysname,
      osrelease: personality.release,
      version: personality.version,
      domainname: "(none)",
      pid_max: 4194304,
      "threads-max": 4096,
      ngroups_max: 65536,
      cap_last_cap: 40,
      overflowuid: 65534,
      overflowgid: 65534,
      randomize_va_space: 0,
      core_pattern: "core",
      core_uses_pid: 0,
      tainted: 0,
      msgmax: 8192,
      msgmnb: 16384,
      msgmni: 32000,
      shmmax: "18446744073692774399",
      shmall: "18446744073692774399",
      shmmni: 4096,
      sched_rr_timeslice_ms: 100,
      printk: "4\t4\t1\t7",
    }),
    sem: line("32000\t1024000000\t500\t32000"),
    hostname: file(() => `${kernel.host.hostname}\n`),
    random: folder({
      uuid: file(() => uuid(kernel)),
      boot_id: file(bootId),
      ...lines(kernel, { entropy_avail: 256, poolsize: 256 }),
    }),
  };
}

function uuid(kernel: Kernel): string {
  const bytes = new Uint8Array(16);
  kernel.host.random(bytes);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
  return `${[hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-")}\n`;
}

function meminfo(kernel: Kernel): string {
  const used = [...kernel.processes.values()].reduce((sum, p) => sum + p.space.memory.used, 0);
  const total = Math.floor(kernel.memory / 1024);
  const free = Math.max(0, Math.floor((kernel.memory - used) / 1024));
  const rows = {
    ...{ MemTotal: total, MemFree: free, MemAvailable: free, Buffers: 0, Cached: 0, SwapCached: 0 },
    ...{ Active: total - free, Inactive: 0, SwapTotal: 0, SwapFree: 0, Dirty: 0, Writeback: 0 },
    ...{ AnonPages: total - free, Mapped: 0, Shmem: 0, Slab: 0, SReclaimable: 0, SUnreclaim: 0 },
    ...{ KernelStack: 0, PageTables: 0, CommitLimit: total, Committed_AS: total - free },
    ...{ VmallocTotal: 34359738367, VmallocUsed: 0, AnonHugePages: 0 },
  };
  const pages = { HugePages_Total: 0, HugePages_Free: 0, HugePages_Rsvd: 0, HugePages_Surp: 0 };
  const show = (name: string, n: number): string => `${`${name}:`.padEnd(16)}${String(n).padStart(8)}`;
  return [
    ...Object.entries(rows).map(([name, kib]) => `${show(name, kib)} kB\n`),
    ...Object.entries(pages).map(([name, n]) => `${show(name, n)}\n`),
    `${show("Hugepagesize", 2048)} kB\n`,
  ].join("");
}

function cpuStat(kernel: Kernel, now: () => bigint): string {
  const user = Number(kernel.host.cpuTime() / 10_000_000n);
  const boot = Number((now() - (kernel.host.monotonic() - kernel.booted)) / 1_000_000_000n);
  const cpu = `${user} 0 0 0 0 0 0 0 0 0`;
  return [
    ...[`cpu  ${cpu}`, `cpu0 ${cpu}`, "intr 0", "ctxt 0", `btime ${boot}`, `processes ${kernel.processes.size}`],
    ...[`procs_running ${kernel.tasks.size}`, "procs_blocked 0", "softirq 0 0 0 0 0 0 0 0 0 0 0", ""],
  ].join("\n");
}
