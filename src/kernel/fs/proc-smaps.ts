import { BIAS, PAGE_BACKED, PAGE_SIZE, PROT_READ, PROT_WRITE } from "../../memory/layout.ts";
import type { GuestMemory } from "../../memory/memory.ts";
import type { AddressSpace, Region } from "../address-space.ts";
import type { Process } from "../process.ts";
import { mapLine } from "./proc-text.ts";

/*
 * /proc/PID/smaps and smaps_rollup (proc_pid_smaps(5)). Every page that may be used has memory of its own here; fork
 * copies. What Linux would still share with a parent or a child after a fork is what holds the same bytes in both.
 */

/** Bytes of a region by what Linux would say of its pages. */
interface Usage {
  sharedClean: number;
  sharedDirty: number;
  privateClean: number;
  privateDirty: number;
}

const none = (): Usage => ({ sharedClean: 0, sharedDirty: 0, privateClean: 0, privateDirty: 0 });

/** The memories of those that a fork made alike: parent and children. */
function relatives(process: Process): AddressSpace[] {
  const all = [process.maker, ...process.children].filter((p): p is Process => p !== null && !p.exit);
  return all.map(({ space }) => space).filter((space) => space !== process.space);
}

function samePage(a: GuestMemory, b: GuestMemory, address: number): boolean {
  if (!(b.perms[address / PAGE_SIZE]! & PAGE_BACKED)) return false;
  const at = address - BIAS;
  if (at + PAGE_SIZE > Math.min(a.wasm.buffer.byteLength, b.wasm.buffer.byteLength)) return false;
  const mine = new Int32Array(a.wasm.buffer, at, PAGE_SIZE / 4);
  const theirs = new Int32Array(b.wasm.buffer, at, PAGE_SIZE / 4);
  return mine.every((word, i) => word === theirs[i]);
}

function usageOf(process: Process, region: Region, others: readonly AddressSpace[]): Usage {
  const usage = none();
  const { memory } = process.space;
  const written = region.shared || (region.prot & PROT_WRITE) !== 0 || !(region.file ?? region.name.startsWith("/"));
  for (let at = region.start; at < region.end; at += PAGE_SIZE) {
    if (!(memory.perms[at / PAGE_SIZE]! & PAGE_BACKED)) continue;
    const shared = region.shared
      ? (region.object?.spaces.size ?? 1) > 1
      : others.some((space) => samePage(memory, space.memory, at));
    const kind = shared ? (written ? "sharedDirty" : "sharedClean") : written ? "privateDirty" : "privateClean";
    usage[kind] += PAGE_SIZE;
  }
  return usage;
}

const row = (name: string, bytes: number): string =>
  `${`${name}:`.padEnd(16)}${String(Math.floor(bytes / 1024)).padStart(8)} kB\n`;

const inMemory = (usage: Usage): number =>
  usage.sharedClean + usage.sharedDirty + usage.privateClean + usage.privateDirty;
/** A page of several counts in part for each; here, for two. */
const share = (usage: Usage): number =>
  usage.privateClean + usage.privateDirty + (usage.sharedClean + usage.sharedDirty) / 2;

function kinds(usage: Usage, anonymous: number): string {
  return [
    row("Shared_Clean", usage.sharedClean),
    row("Shared_Dirty", usage.sharedDirty),
    row("Private_Clean", usage.privateClean),
    row("Private_Dirty", usage.privateDirty),
    row("Referenced", inMemory(usage)),
    row("Anonymous", anonymous),
    ...["KSM", "LazyFree", "AnonHugePages", "ShmemPmdMapped", "FilePmdMapped", "Shared_Hugetlb"].map((n) => row(n, 0)),
    ...["Private_Hugetlb", "Swap", "SwapPss", "Locked"].map((n) => row(n, 0)),
  ].join("");
}

const isAnonymous = (region: Region): boolean => !region.shared && !(region.file ?? region.name.startsWith("/"));
const dirty = (usage: Usage): number => usage.privateDirty + usage.sharedDirty / 2;

/** VmFlags: two letters each (Documentation/filesystems/proc.rst). */
function flagsOf(region: Region): string {
  const { prot, shared } = region;
  const names = [
    ...(prot & PROT_READ ? ["rd"] : []),
    ...(prot & PROT_WRITE ? ["wr"] : []),
    ...(prot & 4 ? ["ex"] : []),
    ...(shared ? ["sh"] : []),
    "mr",
    ...(shared && region.file && !region.file.writable ? [] : ["mw"]),
    "me",
    ...(shared ? ["ms"] : []),
    ...(region.name === "[stack]" ? ["gd"] : []),
    ...(prot & PROT_WRITE && !shared ? ["ac"] : []),
  ];
  return `VmFlags: ${names.join(" ")} \n`;
}

export function smapsOf(process: Process): string {
  const others = relatives(process);
  const parts = process.space.all().map((region) => {
    const usage = usageOf(process, region, others);
    const resident = inMemory(usage);
    return [
      mapLine(process, region),
      row("Size", region.end - region.start),
      row("KernelPageSize", PAGE_SIZE),
      row("MMUPageSize", PAGE_SIZE),
      row("Rss", resident),
      row("Pss", share(usage)),
      row("Pss_Dirty", dirty(usage)),
      kinds(usage, isAnonymous(region) ? resident : 0),
      `THPeligible:${"0".padStart(12)}\n`,
      flagsOf(region),
    ].join("");
  });
  return parts.join("");
}

export function rollupOf(process: Process): string {
  const others = relatives(process);
  const regions = process.space.all();
  const sum = none();
  let anonymous = 0;
  const pss = { anon: 0, file: 0, shmem: 0 };
  for (const region of regions) {
    const usage = usageOf(process, region, others);
    for (const kind of ["sharedClean", "sharedDirty", "privateClean", "privateDirty"] as const)
      sum[kind] += usage[kind];
    if (isAnonymous(region)) anonymous += inMemory(usage);
    pss[isAnonymous(region) ? "anon" : region.shared && !region.file ? "shmem" : "file"] += share(usage);
  }
  const [start, end] = [regions[0]?.start ?? 0, regions.at(-1)?.end ?? 0];
  const range = `${start.toString(16).padStart(8, "0")}-${end.toString(16).padStart(8, "0")}`;
  return [
    `${`${range} ---p 00000000 00:00 0 `.padEnd(73)}[rollup]\n`,
    row("Rss", inMemory(sum)),
    row("Pss", share(sum)),
    row("Pss_Dirty", dirty(sum)),
    row("Pss_Anon", pss.anon),
    row("Pss_File", pss.file),
    row("Pss_Shmem", pss.shmem),
    kinds(sum, anonymous),
  ].join("");
}
