import type { Cpu } from "../../engine/cpu.ts";
import { HostError } from "../../host/host.ts";
import { GuestMemory } from "../../memory/memory.ts";
import { AddressSpace } from "../address-space.ts";
import type { Description } from "../files.ts";
import { ProcInode } from "../fs/generated.ts";
import { HostHandle, HostInode } from "../fs/host.ts";
import { Inode } from "../fs/inode.ts";
import { MemoryHandle, MemoryInode } from "../fs/memory.ts";
import type { Dentry } from "../fs/path.ts";
import type { Kernel, KernelParts, Personality } from "../kernel.ts";
import { Outside } from "../net/outside.ts";
import { Process, Task } from "../process.ts";
import { SharedPages } from "../shared.ts";
import { CLASSES } from "./classes.ts";
import { BadGraph, GraphReader, GraphWriter, type Json, Unsavable, type Written } from "./graph.ts";

/*
 * A sandbox as a graph: processes, threads, memory, files, all that the kernel has. Not written are the host, what is
 * made anew at each start (/proc, devices), and what blocked calls hold: they are made again.
 */

/** What a snapshot needs of the ISAs' Linux. */
export interface Systems {
  /** The personality of an ISA. Throws BadGraph where there is none. */
  personality(isa: string): Personality;
  /** A thread on an empty address space. */
  cpu(isa: string): Cpu;
  /** The ISA that a personality is of. */
  isaOf(personality: Personality): string;
}

/** A file of the host that a program has open is gone, or may not be opened. */
export class FileGone extends Error {}

const isDentry = (o: object): o is Dentry => "inode" in o && "parent" in o && "name" in o && o.inode instanceof Inode;

/** Names of what is outside, the same at both ends. */
function outside(kernel: Kernel): Map<string, object> {
  const { host } = kernel;
  const all = new Map<string, object>([
    ["kernel", kernel],
    ["host", host],
    ["fs", host.fs],
    ["stdin", host.stdin],
    ["stdout", host.stdout],
    ["stderr", host.stderr],
  ]);
  const dev = kernel.mounts.get("dev")!;
  for (const { name } of dev.list()) {
    const inode = dev.lookup(name)!;
    if (inode.type === "char" && name !== "ptmx") all.set(`dev/${name}`, inode);
  }
  return all;
}

/** Who has what open, for things that do not know it themselves. */
function descriptions(kernel: Kernel): Description[] {
  const all = new Set<Description>();
  for (const { files, space } of kernel.processes.values()) {
    for (const fd of files.numbers()) all.add(files.get(fd));
    for (const { file } of space.all()) if (file) all.add(file);
  }
  return [...all];
}

/** Writes a sandbox whose tasks are all between two instructions. Throws Unsavable. */
export function writeImage(kernel: Kernel, systems: Systems, root: string | undefined): Written {
  const names = new Map([...outside(kernel)].map(([name, object]) => [object, name]));
  const openers = new Map<object, Description>();
  for (const file of descriptions(kernel)) {
    openers.set(file.handle, file);
    if (file.dentry) openers.set(file.dentry.inode, file);
  }
  const isas = new Map<GuestMemory, string>();
  for (const task of kernel.tasks) isas.set(task.space.memory, task.cpu.isa);

  const node = (object: object, writer: GraphWriter): readonly Json[] | null => {
    const name = names.get(object);
    if (name !== undefined) return ["x", name];
    if (object instanceof GuestMemory) return memoryNode(object, isas.get(object), writer);
    if (object instanceof HostHandle) return hostNode(openers.get(object));
    if (object instanceof ProcInode) {
      const dentry = openers.get(object)?.dentry;
      if (!dentry) throw new Unsavable("a file of /proc");
      return ["p", writer.value(dentry)];
    }
    if (isDentry(object) && object.inode instanceof ProcInode) return ["d", writer.value(object.parent), object.name];
    return null;
  };
  const field = (owner: object, name: string, value: unknown, writer: GraphWriter): Json | undefined => {
    if (owner instanceof Task && name === "cpu") {
      const { memory } = owner.space;
      return ["cpu", writer.value(memory), writer.blob(owner.cpu.save())];
    }
    // The calls that wait there are made again.
    if (name === "futexes" && (owner instanceof AddressSpace || owner instanceof SharedPages))
      return writer.value(new Map());
    if (value instanceof Outside) {
      if (value.busy) throw new Unsavable("a connection to the outside");
      return ["outside"];
    }
    if (owner instanceof MemoryHandle && name === "under") return null;
    if (owner instanceof MemoryInode && name === "lower" && typeof value === "string")
      return ["lower", value.slice(root === "/" ? 0 : (root ?? "").length)];
    if (owner instanceof Process && name === "personality") return ["isa", systems.isaOf(owner.personality)];
    if (name === "now" && typeof value === "function") return ["now"];
    return undefined;
  };
  return new GraphWriter(CLASSES, { node, field }).write(kernel.parts());
}

/** Permissions in runs, and pages that hold anything but zeros. */
function memoryNode(memory: GuestMemory, isa: string | undefined, writer: GraphWriter): readonly Json[] {
  if (isa === undefined) return ["g", null];
  const { runs, pages, bytes } = memory.save();
  return ["g", isa, ...[runs, pages, bytes].map((part) => writer.blob(part))];
}

function hostNode(file: Description | undefined): readonly Json[] {
  const inode = file?.dentry?.inode;
  if (!file || !(inode instanceof HostInode)) throw new Unsavable("a file of the host without a name");
  if (!file.handle.seekable) throw new Unsavable(`${inode.path}, a device or pipe of the host`);
  return ["h", inode.path, file.readable, file.writable];
}

/** A name of /proc on its way to be looked up again. */
interface Unwalked {
  inode?: Inode;
  parent?: Dentry | null;
  name?: string;
}

/** Fills a fresh kernel with what was written. Throws BadGraph, FileGone. */
export function readImage(
  kernel: Kernel,
  systems: Systems,
  root: string | undefined,
  written: { readonly root: Json; readonly nodes: readonly Json[]; readonly bytes: Uint8Array },
): void {
  const names = outside(kernel);
  const walks: {
    readonly dentry: { inode?: Inode; parent?: Dentry; name?: string };
    readonly node: readonly Json[];
  }[] = [];
  const late: (() => void)[] = [];
  const cpus = new Map<GuestMemory, Cpu>();
  const used = new Set<Cpu>();
  const stand = Object.freeze({ standsFor: "a file of /proc" });
  const procs = new Map<object, Json>();

  const memory = (node: readonly Json[], reader: GraphReader): GuestMemory => {
    const isa = node[1];
    if (isa === null) return GuestMemory.none();
    const cpu = systems.cpu(String(isa));
    cpus.set(cpu.memory, cpu);
    const [runs, pages, bytes] = [2, 3, 4].map((at) => reader.blob(node[at] ?? null));
    if (!cpu.memory.load({ runs: runs!, pages: pages!, bytes: bytes! })) throw new BadGraph("no such memory");
    return cpu.memory;
  };
  const make = (node: readonly Json[], reader: GraphReader): object | undefined => {
    switch (node[0]) {
      case "x": {
        const found = names.get(String(node[1]));
        if (!found) throw new BadGraph(`there is no ${String(node[1])} here`);
        return found;
      }
      case "g":
        return memory(node, reader);
      case "h":
        return openHost(kernel, String(node[1]), node[2] === true, node[3] === true);
      case "d": {
        const dentry = {};
        walks.push({ dentry, node });
        return dentry;
      }
      case "p": {
        const made = { ...stand };
        procs.set(made, node[1]!);
        return made;
      }
      default:
        return undefined;
    }
  };
  const value = (given: readonly Json[], reader: GraphReader): { readonly value: unknown } | undefined => {
    switch (given[0]) {
      case "cpu":
        return { value: cpuOf(reader.value(given[1]), reader.blob(given[2] ?? null).slice()) };
      case "lower":
        return { value: `${root === "/" ? "" : (root ?? "")}${String(given[1])}` };
      case "isa":
        return { value: systems.personality(String(given[1])) };
      case "outside":
        return { value: new Outside(kernel) };
      case "now":
        return { value: (): bigint => kernel.host.realtime() };
      default:
        return undefined;
    }
  };
  const cpuOf = (of: unknown, state: Uint8Array): Cpu => {
    const first = of instanceof GuestMemory ? cpus.get(of) : undefined;
    if (!first) throw new BadGraph("a thread without memory");
    const cpu = used.has(first) ? first.another!() : first;
    if (state.length !== cpu.save().length) throw new BadGraph("registers of another rulebook");
    used.add(cpu);
    cpu.restore(state);
    return cpu;
  };

  const reader = new GraphReader(CLASSES, { make, value }, written.nodes, written.bytes);
  const parts = reader.read(written.root) as KernelParts;
  kernel.adopt(parts);
  for (const { dentry, node } of walks) {
    dentry.parent = reader.value(node[1]) as Dentry;
    dentry.name = String(node[2]);
  }
  const found = (dentry: Unwalked): void => {
    if (dentry.inode || !dentry.parent) return;
    found(dentry.parent);
    dentry.inode = lookAgain(kernel, dentry.parent, dentry.name ?? "");
  };
  for (const { dentry } of walks) found(dentry);
  for (const file of descriptions(kernel)) {
    const { handle } = file;
    if (handle instanceof MemoryHandle) late.push(() => handle.reopen());
    // What stood for a file of /proc is that file again.
    for (const [name, held] of Object.entries(handle)) {
      const dentry = procs.has(held as object) ? (reader.value(procs.get(held as object)!) as Dentry) : null;
      if (dentry) Object.assign(handle, { [name]: dentry.inode });
    }
  }
  for (const run of late) reach(run);
}

/** A file of /proc by its name; of a process that is gone, the folder of all. */
function lookAgain(kernel: Kernel, parent: Dentry, name: string): Inode {
  const mount = parent.parent === null ? kernel.mounts.get(name) : undefined;
  return mount ?? parent.inode.lookup(name) ?? kernel.mounts.get("proc")!;
}

function openHost(kernel: Kernel, path: string, read: boolean, write: boolean): HostHandle {
  return reach(() => new HostHandle(kernel.host.fs.open(path, { read, write }), "file"), path);
}

function reach<T>(open: () => T, path = "a file of the root"): T {
  try {
    return open();
  } catch (error) {
    if (error instanceof HostError) throw new FileGone(`${path}: ${error.code}`);
    throw error;
  }
}
