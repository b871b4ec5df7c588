import { SageError, sageError } from "./errors.ts";
import type { GuardedHost } from "./guard/guard.ts";
import type { Kernel } from "./kernel/kernel.ts";
import type { Process } from "./kernel/process.ts";
import { type Packing, packSnapshot, type Snapshot, type SnapshotHeader } from "./kernel/snapshot/file.ts";
import { Unsavable } from "./kernel/snapshot/graph.ts";
import { FileGone, readImage, type Systems, writeImage } from "./kernel/snapshot/image.ts";
import { OutOfGuestMemory } from "./memory/memory.ts";
import type { ResumeOptions, SnapshotWish } from "./run-options.ts";

export { openSnapshot } from "./kernel/snapshot/file.ts";

/*
 * Snapshots of a run: how they are written and read back, and what may go wrong, as errors for a person.
 */

/** What is saved besides what the kernel has. */
interface Saved {
  readonly process: Process;
  readonly isa: string;
  readonly wish: SnapshotWish;
  readonly options: ResumeOptions;
}

/** The bytes of a snapshot's file. Throws Unsavable. */
export function save(
  kernel: Kernel,
  systems: Systems,
  { process, isa, wish, options }: Saved,
  packing: Packing,
): Uint8Array {
  const { root, memory, host } = options;
  const header = {
    sage: wish.version,
    isa,
    pid: process.pid,
    root: root !== undefined,
    memory: memory ?? null,
    monotonic: String(host.monotonic()),
  };
  return packSnapshot(header, writeImage(kernel, systems, root), packing);
}

/** Runs what may take a snapshot. Throws SageError. */
export function savable<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof Unsavable) throw sageError("SNAPSHOT_UNSAVABLE", `the program has ${error.message}`);
    throw error;
  }
}

/** A host whose monotonic clock goes on from where the snapshot's stood: what programs wait for are times of it. */
export function later(host: GuardedHost, header: SnapshotHeader): GuardedHost {
  const behind = BigInt(header.monotonic) - host.monotonic();
  return Object.assign(Object.create(host) as GuardedHost, { monotonic: () => host.monotonic() + behind });
}

/** Fills a fresh kernel; gives the first process. Throws SageError. */
export function restore(kernel: Kernel, systems: Systems, root: string | undefined, snapshot: Snapshot): Process {
  try {
    readImage(kernel, systems, root, snapshot);
  } catch (error) {
    if (error instanceof SageError) throw error;
    if (error instanceof FileGone) throw sageError("SNAPSHOT_FILE", error.message);
    if (error instanceof OutOfGuestMemory) throw sageError("OUT_OF_MEMORY", "the snapshot needs more memory");
    // Whatever a forged file makes of the kernel's objects.
    throw sageError("SNAPSHOT_BAD", error instanceof Error ? error.message : String(error));
  }
  const process = kernel.processes.get(snapshot.header.pid);
  if (!process) throw sageError("SNAPSHOT_BAD", "its first process is not in it");
  return process;
}
