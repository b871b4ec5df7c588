import { posix } from "../posix.ts";
import { HostInode } from "./host.ts";
import type { Inode } from "./inode.ts";

/** A file with the way to it. The root is its own parent. `name` may have several components below a host folder. */
export interface Dentry {
  readonly inode: Inode;
  readonly parent: Dentry | null;
  readonly name: string;
}

const MAX_LINKS = 40;
const NAME_MAX = 255;
const PATH_MAX = 4096;

/** Where a path starts and what counts as the root. */
export interface Start {
  readonly root: Dentry;
  readonly cwd: Dentry;
}

export interface WalkOptions {
  /** Follow a symbolic link in the last component. */
  readonly follow: boolean;
  /** Stop before the last component: it is to be created, removed or renamed. */
  readonly parent?: boolean;
}

export interface Walked {
  readonly at: Dentry;
  /** With `parent`: the last component ("." and ".." stay as they are), else "". */
  readonly last: string;
  /** The path ended in a slash. */
  readonly slash: boolean;
}

/** Absolute path of a dentry, as getcwd tells it. */
export function pathOf(dentry: Dentry, root?: Dentry): string {
  const parts: string[] = [];
  for (let d = dentry; d.parent && d !== root; d = d.parent) parts.push(d.name);
  return `/${parts.reverse().join("/")}`;
}

/** Mount points: children of the root directory that other file systems cover. */
export type Mounts = ReadonlyMap<string, Inode>;

/**
 * Resolves a path as POSIX says (path_resolution(7)): "..", symbolic links (40 at most), mount points; nothing leads out
 * of `start.root`. Throws ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG.
 */
export function walk(start: Start, path: string, options: WalkOptions, mounts: Mounts): Walked {
  if (path === "") throw posix("ENOENT");
  if (path.length >= PATH_MAX) throw posix("ENAMETOOLONG");
  const slash = path.endsWith("/");
  let todo = split(path);
  let at = path.startsWith("/") ? start.root : start.cwd;
  let links = 0;
  while (todo.length) {
    const last = todo.length === 1;
    if (last && options.parent) return { at, last: todo[0]!, slash };
    if (at.inode.descend && !todo.includes("..")) {
      const mount = at === start.root ? mounts.get(todo[0]!) : undefined;
      if (!mount) return descend(at, todo, options, slash);
    }
    const name = todo.shift()!;
    if (name === "." || name === "..") {
      if (at.inode.type !== "dir") throw posix("ENOTDIR");
      if (name === ".") continue;
      if (at !== start.root && at.parent) at = up(at, start.root);
      continue;
    }
    const inode = step(at, name, start, mounts);
    if (inode.type === "link" && (!last || options.follow || slash)) {
      if (++links > MAX_LINKS) throw posix("ELOOP");
      const magic = inode.target();
      if (magic) {
        at = { inode: magic, parent: at, name };
        continue;
      }
      const target = inode.readlink();
      if (target === "") throw posix("ENOENT");
      todo = [...split(target), ...todo];
      if (target.startsWith("/")) at = start.root;
      continue;
    }
    at = { inode, parent: at, name };
  }
  if (options.parent) return { at, last: ".", slash };
  if (slash && at.inode.type !== "dir") throw posix("ENOTDIR");
  return { at, last: "", slash };
}

function split(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "");
  for (const part of parts) if (part.length > NAME_MAX) throw posix("ENAMETOOLONG");
  // "." says nothing more than that what stands before it is a directory.
  return parts.length > 1 ? parts.filter((part, i) => part !== "." || i === parts.length - 1) : parts;
}

function step(at: Dentry, name: string, start: Start, mounts: Mounts): Inode {
  if (at.inode.type !== "dir") throw posix("ENOTDIR");
  const mount = at === start.root || at.parent === null ? mounts.get(name) : undefined;
  const inode = mount ?? at.inode.lookup(name);
  if (!inode) throw posix("ENOENT");
  return inode;
}

/** The rest of a path in one go, for file systems that resolve paths themselves. */
function descend(at: Dentry, todo: readonly string[], options: WalkOptions, slash: boolean): Walked {
  const stop = options.parent ? todo.length - 1 : todo.length;
  const names = todo.slice(0, stop).filter((name) => name !== ".");
  let inode = names.length ? at.inode.descend!(names.join("/")) : at.inode;
  if (!options.parent && (options.follow || slash) && inode instanceof HostInode && inode !== at.inode)
    inode = inode.followed();
  if (!options.parent && slash && inode.type !== "dir") throw posix("ENOTDIR");
  const dentry = names.length ? { inode, parent: at, name: names.join("/") } : at;
  return { at: dentry, last: options.parent ? todo.at(-1)! : "", slash };
}

/** The parent directory; of a dentry with several components, by dropping one. */
function up(at: Dentry, root: Dentry): Dentry {
  const cut = at.name.lastIndexOf("/");
  if (cut < 0) return at.parent ?? root;
  const name = at.name.slice(0, cut);
  return { inode: at.parent!.inode.descend!(name), parent: at.parent, name };
}
