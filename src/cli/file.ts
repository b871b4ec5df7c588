import { sageError } from "../errors.ts";
import { HostError, type HostFs } from "../host/host.ts";

/** Larger files are no programs, and would fill the memory. */
const MOST_BYTES = 2 ** 30;

/** Reads a whole file that the person named. Throws FILE_*. */
export function readFile(fs: HostFs, path: string): Uint8Array {
  try {
    const stat = fs.stat(path, true);
    if (stat.type === "dir") throw sageError("FILE_UNREADABLE", `${path} is a directory`);
    if (stat.size > MOST_BYTES) throw sageError("FILE_TOO_BIG", `${path} has ${stat.size} bytes`);
    const file = fs.open(path, { read: true, write: false });
    try {
      return stat.type === "file" && stat.size > 0 ? readSized(file, stat.size) : readToEnd(file, path);
    } finally {
      file.close();
    }
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    if (error.code === "ENOENT" || error.code === "ENOTDIR") throw sageError("FILE_NOT_FOUND", `there is no ${path}`);
    if (error.code === "EACCES" || error.code === "EPERM") throw sageError("FILE_DENIED", `${path} may not be read`);
    throw sageError("FILE_UNREADABLE", `${path}: ${error.code}`);
  }
}

type Readable = { read(into: Uint8Array, position: number | null): number };

function readSized(file: Readable, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let done = 0;
  for (let count = 1; done < size && count > 0; done += count) count = file.read(bytes.subarray(done), null);
  return bytes.subarray(0, done);
}

/** Pipes, and files of /proc that have no size. */
function readToEnd(file: Readable, path: string): Uint8Array {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const chunk = new Uint8Array(1 << 16);
    const count = file.read(chunk, null);
    if (count === 0) break;
    chunks.push(chunk.subarray(0, count));
    size += count;
    if (size > MOST_BYTES) throw sageError("FILE_TOO_BIG", `${path} does not end`);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
