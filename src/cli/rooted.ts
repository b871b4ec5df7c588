import { sageError } from "../errors.ts";
import type { HostFs } from "../host/host.ts";

/** As many links as Linux follows (MAXSYMLINKS). */
const MAX_LINKS = 40;

/**
 * Where a path inside a guest root lies on the host, links followed as the guest would: an absolute link begins again at
 * the root, ".." stops at it. Throws FILE_NOT_FOUND for a loop; whether the last place exists is the caller's to find out.
 */
export function inRoot(fs: HostFs, root: string, path: string): string {
  const todo = parts(path);
  const done: string[] = [];
  const place = () => [root === "/" ? "" : root, ...done].join("/") || "/";
  for (let links = 0; todo.length > 0; ) {
    const part = todo.shift()!;
    if (part === "..") {
      done.pop();
      continue;
    }
    done.push(part);
    const target = linkAt(fs, place());
    if (target === undefined) continue;
    if (++links > MAX_LINKS) throw sageError("FILE_NOT_FOUND", `${path} is a loop of links`);
    done.pop();
    if (target.startsWith("/")) done.length = 0;
    todo.unshift(...parts(target));
  }
  return place();
}

function parts(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

function linkAt(fs: HostFs, path: string): string | undefined {
  try {
    return fs.readlink(path);
  } catch {
    return undefined; // no link, or nothing
  }
}
