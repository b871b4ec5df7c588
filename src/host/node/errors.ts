import { HostError } from "../host.ts";

/**
 * Runs a Node file-system call; what it throws becomes a HostError with the POSIX code. Errors are everyday here (a path
 * that is not there), and where they were made nobody asks: walking the stack for each would cost more than the call.
 */
export function posix<T>(call: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return call();
  } catch (error) {
    throw hostError(error);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** A HostError for anything thrown by Node; EIO where it has no code of the system. */
export function hostError(error: unknown): HostError {
  if (error instanceof HostError) return error;
  const code = codeOf(error);
  // Node checks arguments itself: a path with a NUL is ENOENT's business, nothing else reaches it
  if (code === "ERR_INVALID_ARG_VALUE") return new HostError("ENOENT");
  if (code === "ERR_FS_FILE_TOO_LARGE" || code === "ERR_OUT_OF_RANGE") return new HostError("EFBIG");
  if (code !== undefined && /^E[A-Z0-9]+$/.test(code)) return new HostError(code);
  return new HostError("EIO", error instanceof Error ? error.message : String(error));
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
