import { HostError, type RealFs } from "../host/host.ts";
import type { Grant } from "./policy.ts";

/** Links followed before it is a loop, as on Linux (MAXSYMLINKS). */
const MAX_LINKS = 40;
/** The host's kernel and devices: an unlisted grant leaves them out, they are no files. */
const machine = ["/proc", "/sys", "/dev"];

/** `path` made absolute, without resolving "." or "..", which only the file system can. */
export function absolute(path: string, cwd: string): string {
  return path.startsWith("/") ? path : `${cwd === "/" ? "" : cwd}/${path}`;
}

/** "." and ".." taken out by their text. */
function normal(path: string): string {
  const out: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") out.pop();
    else if (part !== "" && part !== ".") out.push(part);
  }
  return `/${out.join("/")}`;
}

/** True where `path` is `ancestor` or below it. */
export function within(path: string, ancestor: string): boolean {
  return path === ancestor || ancestor === "/" || path.startsWith(`${ancestor}/`);
}

/** Where a path leads: the place itself, or where it stops and why. */
export type Resolved =
  | { readonly real: string; readonly error: undefined }
  /** Nothing is there: `real` is what was reached plus the rest of the text. */
  | { readonly real: string; readonly error: HostError };

/**
 * Resolves every link of `path` (absolute), the last one only if `follow`. What would be created by opening it resolves
 * to where it would be: its parent must exist, and a dangling link leads on.
 */
export function resolve(fs: RealFs, path: string, follow: boolean, links = 0): Resolved {
  const trimmed = path.replace(/\/+$/, "") || "/";
  const slash = trimmed.lastIndexOf("/");
  const base = trimmed.slice(slash + 1);
  const special = base === "" || base === "." || base === "..";
  // A trailing slash asks for the directory that a link leads to
  if (special || path.length !== trimmed.length) {
    try {
      return { real: fs.realpath(path), error: undefined };
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      if (special || error.code !== "ENOENT") return { real: reached(fs, trimmed), error };
    }
  }
  let parent: string;
  try {
    parent = fs.realpath(trimmed.slice(0, slash) || "/");
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return { real: reached(fs, trimmed), error };
  }
  const real = parent === "/" ? `/${base}` : `${parent}/${base}`;
  if (!follow) return { real, error: undefined };
  const target = linkAt(fs, real);
  if (target === undefined) return { real, error: undefined };
  if (links >= MAX_LINKS) return { real, error: new HostError("ELOOP") };
  return resolve(fs, absolute(target, parent), true, links + 1);
}

function linkAt(fs: RealFs, path: string): string | undefined {
  try {
    return fs.target(path);
  } catch {
    return undefined;
  }
}

/** The longest part of `path` that exists, resolved, with the rest appended. */
function reached(fs: RealFs, path: string): string {
  const parts = path.split("/");
  for (let count = parts.length - 1; count > 0; count--) {
    try {
      const real = fs.realpath(parts.slice(0, count).join("/") || "/");
      return normal(`${real}/${parts.slice(count).join("/")}`);
    } catch {
      // shorter
    }
  }
  return normal(path);
}

/** A grant of paths, resolved once: what a listed path is at that time is what is granted. */
export class PathGrant {
  private readonly all: boolean;
  private readonly everything: boolean;
  private readonly listed: readonly { readonly spelled: string; readonly real: string }[];

  constructor(grant: Grant, everything: boolean, fs: RealFs, cwd: string) {
    this.all = grant === true;
    this.everything = everything;
    const paths = grant === true ? [] : grant;
    this.listed = paths.map((path) => {
      const whole = absolute(path, cwd);
      return { spelled: normal(whole), real: resolve(fs, whole, true).real };
    });
  }

  /** True where a real path may be touched. */
  covers(real: string): boolean {
    if (this.everything) return true;
    if (this.listed.some((item) => within(real, item.real))) return true;
    return this.all && !machine.some((place) => within(real, place));
  }

  /** True where a path lies on the way to a granted one: that it exists, and is a directory or link, is no secret. */
  leadsTo(path: string): boolean {
    const text = normal(path);
    return this.listed.some((item) => within(item.spelled, text) || within(item.real, text));
  }
}
