import type { Place } from "../guest.ts";
import type { Credentials, Ids, Task } from "../process.ts";
import { fail, type SyscallResult } from "../result.ts";

/*
 * User and group ids (credentials(7)). They are the sandbox's own: who is root in it may become anybody, and what the host
 * allows does not follow from them.
 */

interface IntValue {
  readonly value: number;
}
/** Stays as it is. */
const SAME = -1;
/** NGROUPS_MAX. */
const MOST_GROUPS = 65536;

type Kind = keyof Ids;

export const getuid = (task: Task): SyscallResult => task.process.credentials.real.uid;
export const geteuid = (task: Task): SyscallResult => task.process.ids.uid;
export const getgid = (task: Task): SyscallResult => task.process.credentials.real.gid;
export const getegid = (task: Task): SyscallResult => task.process.ids.gid;

function tell(task: Task, kind: Kind, places: readonly Place<IntValue>[]): SyscallResult {
  const { real, effective, saved } = task.process.credentials;
  for (const [i, ids] of [real, effective, saved].entries()) places[i]!.set({ value: ids[kind] });
  return 0;
}
export const getresuid = (task: Task, ...places: Place<IntValue>[]): SyscallResult => tell(task, "uid", places);
export const getresgid = (task: Task, ...places: Place<IntValue>[]): SyscallResult => tell(task, "gid", places);

/** Sets real, effective and saved ids of a kind; SAME leaves one. */
function become(task: Task, kind: Kind, real: number, effective: number, saved: number): SyscallResult {
  const { credentials } = task.process;
  const with_ = (ids: Ids, id: number): Ids => (id === SAME ? ids : { ...ids, [kind]: id >>> 0 });
  task.process.credentials = {
    ...credentials,
    real: with_(credentials.real, real),
    effective: with_(credentials.effective, effective),
    saved: with_(credentials.saved, saved),
  };
  return 0;
}

const isRoot = (task: Task): boolean => task.process.ids.uid === 0;

/** True where an id is one that anybody may take: one that it has. */
function has({ real, effective, saved }: Credentials, kind: Kind, id: number): boolean {
  return id === SAME || [real, effective, saved].some((ids) => ids[kind] === id >>> 0);
}

function setOne(task: Task, kind: Kind, id: number): SyscallResult {
  if (id === SAME) return fail("EINVAL");
  if (isRoot(task)) return become(task, kind, id, id, id);
  const { real, saved } = task.process.credentials;
  if (real[kind] !== id >>> 0 && saved[kind] !== id >>> 0) return fail("EPERM");
  return become(task, kind, SAME, id, SAME);
}
export const setuid = (task: Task, id: number): SyscallResult => setOne(task, "uid", id);
export const setgid = (task: Task, id: number): SyscallResult => setOne(task, "gid", id);

/** setreuid(2): the saved id follows where the real one is set, or the effective one to something else than the real. */
function setTwo(task: Task, kind: Kind, real: number, effective: number): SyscallResult {
  const { credentials } = task.process;
  const was = credentials.real[kind];
  if (!isRoot(task)) {
    const known = (id: number): boolean => id === was || id === credentials.effective[kind];
    if (real !== SAME && !known(real >>> 0)) return fail("EPERM");
    if (!has(credentials, kind, effective)) return fail("EPERM");
  }
  const follows = real !== SAME || (effective !== SAME && effective >>> 0 !== was);
  const next = effective === SAME ? credentials.effective[kind] : effective;
  return become(task, kind, real, effective, follows ? next : SAME);
}
export const setreuid = (task: Task, real: number, effective: number): SyscallResult =>
  setTwo(task, "uid", real, effective);
export const setregid = (task: Task, real: number, effective: number): SyscallResult =>
  setTwo(task, "gid", real, effective);

function setThree(task: Task, kind: Kind, ids: readonly [number, number, number]): SyscallResult {
  const { credentials } = task.process;
  if (!isRoot(task) && !ids.every((id) => has(credentials, kind, id))) return fail("EPERM");
  return become(task, kind, ...ids);
}
export const setresuid = (task: Task, real: number, effective: number, saved: number): SyscallResult =>
  setThree(task, "uid", [real, effective, saved]);
export const setresgid = (task: Task, real: number, effective: number, saved: number): SyscallResult =>
  setThree(task, "gid", [real, effective, saved]);

/** There is no id for files alone: what it is comes back, and it does not change (setfsuid(2)). */
export const setfsuid = (task: Task): SyscallResult => task.process.ids.uid;
export const setfsgid = (task: Task): SyscallResult => task.process.ids.gid;

export function getgroups(task: Task, size: number, list: Place<IntValue>): SyscallResult {
  const { groups } = task.process.credentials;
  if (size < 0 || (size > 0 && size < groups.length)) return fail("EINVAL");
  for (let i = 0; i < groups.length && size > 0; i++) list.set({ value: groups[i]! }, i);
  return groups.length;
}
export function setgroups(task: Task, size: number, list: Place<IntValue>): SyscallResult {
  if (!isRoot(task)) return fail("EPERM");
  if (size < 0 || size > MOST_GROUPS) return fail("EINVAL");
  const groups = Array.from({ length: size }, (_, i) => list.get(i).value);
  task.process.credentials = { ...task.process.credentials, groups };
  return 0;
}
