import { HostError, type HostFile, type HostFs, type HostStat, type OpenOptions, type RealFs } from "../host/host.ts";
import type { AuditSink, Json } from "./audit.ts";
import type { Denials } from "./denials.ts";
import { absolute, PathGrant, resolve } from "./paths.ts";
import type { Policy } from "./policy.ts";

type Detail = { readonly [key: string]: Json };

/** What an effect needs of the path it touches. */
interface Need {
  /** The last link of the path is followed. */
  readonly follow: boolean;
  readonly read?: boolean;
  readonly write?: boolean;
  /** Reading or writing, either; or lying on the way to what is granted. */
  readonly look?: boolean;
}

export interface GuardedFsParts {
  readonly cwd: string;
  readonly policy: Policy;
  readonly audit: AuditSink;
  readonly denials: Denials;
  /** Files that no grant makes writable. */
  readonly keep: readonly HostStat[];
}

/**
 * The file system under a policy. A path is judged by where it really leads, and the effect then happens at that real
 * path without following a last link, so that what was judged is what is touched.
 */
export class GuardedFs implements HostFs {
  private readonly fs: RealFs;
  private readonly cwd: string;
  private readonly audit: AuditSink;
  private readonly denials: Denials;
  private readonly readable: PathGrant;
  private readonly writable: PathGrant;
  private readonly keep: readonly HostStat[];
  /** The working directory, whose path a guest is told: it may be looked at, not listed. */
  private readonly here: PathGrant;
  /** Open files, each at its `place`. No set: one that changes all the time keeps what it held alive for long. */
  private readonly opened: GuardedFile[] = [];
  private nextFile = 1;

  constructor(fs: RealFs, { cwd, policy, audit, denials, keep }: GuardedFsParts) {
    this.fs = fs;
    this.cwd = cwd;
    this.audit = audit;
    this.denials = denials;
    this.keep = keep;
    this.readable = new PathGrant(policy.read, policy.everything, fs, cwd);
    this.writable = new PathGrant(policy.write, policy.everything, fs, cwd);
    this.here = new PathGrant([cwd], false, fs, cwd);
  }

  open(path: string, options: OpenOptions): HostFile {
    const write = options.write || !!options.create || !!options.truncate || !!options.append;
    const follow = !options.noFollow && !(options.create && options.exclusive);
    const real = this.judge(path, { follow, read: options.read || !write, write });
    const id = this.nextFile++;
    const file = this.perform("open", { path: real, read: options.read, write, file: id }, () =>
      this.fs.open(real, { ...options, noFollow: true }),
    );
    const guarded = new GuardedFile(file, (totals) => {
      const last = this.opened.pop()!;
      if (last !== guarded) this.opened[guarded.place] = last;
      last.place = guarded.place;
      this.audit.record({ kind: "close", file: id, ...totals });
    });
    guarded.place = this.opened.length;
    this.opened.push(guarded);
    return guarded;
  }

  stat(path: string, follow: boolean): HostStat {
    const real = this.judge(path, { follow, look: true });
    return this.perform("stat", { path: real }, () => this.fs.stat(real, false));
  }
  readdir(path: string): ReturnType<HostFs["readdir"]> {
    const real = this.judge(path, { follow: true, read: true });
    return this.perform("readdir", { path: real }, () => this.fs.readdir(real));
  }
  readlink(path: string): string {
    const real = this.judge(path, { follow: false, look: true });
    return this.perform("readlink", { path: real }, () => this.fs.readlink(real));
  }
  mkdir(path: string, mode: number): void {
    const real = this.judge(path, { follow: false, write: true });
    this.perform("mkdir", { path: real, mode }, () => this.fs.mkdir(real, mode));
  }
  rmdir(path: string): void {
    const real = this.judge(path, { follow: false, write: true });
    this.perform("rmdir", { path: real }, () => this.fs.rmdir(real));
  }
  unlink(path: string): void {
    const real = this.judge(path, { follow: false, write: true });
    this.perform("unlink", { path: real }, () => this.fs.unlink(real));
  }
  rename(from: string, to: string): void {
    const realFrom = this.judge(from, { follow: false, write: true });
    const realTo = this.judge(to, { follow: false, write: true });
    this.perform("rename", { path: realFrom, to: realTo }, () => this.fs.rename(realFrom, realTo));
  }
  /** A second name carries the first one's content with it: both sides are judged as if read and written. */
  link(target: string, path: string): void {
    const realTarget = this.judge(target, { follow: false, read: true, write: true });
    const real = this.judge(path, { follow: false, write: true });
    this.perform("link", { path: real, target: realTarget }, () => this.fs.link(realTarget, real));
  }
  /** A link may name anything: whoever follows it is judged then. */
  symlink(target: string, path: string): void {
    const real = this.judge(path, { follow: false, write: true });
    this.perform("symlink", { path: real, target }, () => this.fs.symlink(target, real));
  }
  chmod(path: string, mode: number): void {
    const real = this.judge(path, { follow: true, write: true });
    this.perform("chmod", { path: real, mode }, () => this.fs.chmod(real, mode));
  }
  utimes(path: string, atime: bigint, mtime: bigint, follow = true): void {
    const real = this.judge(path, { follow, write: true });
    this.perform("utimes", { path: real }, () => this.fs.utimes(real, atime, mtime));
  }

  realpath(path: string): string {
    const real = this.judge(path, { follow: true, look: true });
    return this.perform("realpath", { path: real }, () => real);
  }

  /** Records the totals of files still open, at the end of a run. */
  settle(): void {
    for (const file of [...this.opened]) file.settle();
  }

  /** The real path of a granted `path`. Throws EACCES where it is not granted, or what resolving it met where it is. */
  private judge(path: string, need: Need): string {
    if (path === "" || path.includes("\0")) throw new HostError("ENOENT");
    const whole = absolute(path, this.cwd);
    const { real, error } = resolve(this.fs, whole, need.follow);
    // Writing is told first: it is the rarer grant
    if (need.write && (!this.writable.covers(real) || this.isKept(real))) throw this.denials.deny("write", real);
    if (need.read && !this.readable.covers(real)) throw this.denials.deny("read", real);
    if (need.look && !this.mayLook(whole, real)) throw this.denials.deny("read", real);
    if (error) throw error;
    return real;
  }

  /** By identity, not by path: a directory above may have been renamed. */
  private isKept(real: string): boolean {
    if (this.keep.length === 0) return false;
    try {
      const { dev, ino } = this.fs.stat(real, false);
      return this.keep.some((file) => file.dev === dev && file.ino === ino);
    } catch {
      return false; // nothing there
    }
  }

  private mayLook(path: string, real: string): boolean {
    if (this.readable.covers(real) || this.writable.covers(real)) return true;
    return [path, real].some((p) => this.readable.leadsTo(p) || this.writable.leadsTo(p) || this.here.leadsTo(p));
  }

  private perform<T>(kind: string, detail: Detail, effect: () => T): T {
    try {
      const result = effect();
      this.audit.record({ ...detail, kind });
      return result;
    } catch (error) {
      if (error instanceof HostError) this.audit.record({ ...detail, kind, error: error.code });
      throw error;
    }
  }
}

/** An open file, its traffic counted. */
class GuardedFile implements HostFile {
  private readonly file: HostFile;
  private readonly report: (totals: Detail) => void;
  /** Where it stands among the open files. */
  place = 0;
  private bytesRead = 0;
  private bytesWritten = 0;

  constructor(file: HostFile, report: (totals: Detail) => void) {
    this.file = file;
    this.report = report;
  }
  read(into: Uint8Array, position: number | null): number {
    const count = this.file.read(into, position);
    this.bytesRead += count;
    return count;
  }
  write(from: Uint8Array, position: number | null): number {
    const count = this.file.write(from, position);
    this.bytesWritten += count;
    return count;
  }
  stat(): HostStat {
    return this.file.stat();
  }
  truncate(size: number): void {
    this.file.truncate(size);
  }
  sync(): void {
    this.file.sync();
  }
  close(): void {
    this.settle();
    this.file.close();
  }
  settle(): void {
    this.report({ read: this.bytesRead, written: this.bytesWritten });
  }
}
