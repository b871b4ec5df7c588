import { closeSync, fsyncSync, openSync, renameSync, writeSync } from "node:fs";

/** Writes a file so that a cut at any moment leaves the old one or the new one. */
export function replaceFile(path: string, content: string | Uint8Array): void {
  const next = `${path}.new`;
  const fd = openSync(next, "w");
  try {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(next, path);
}
