import { HostError } from "../host/host.ts";

const made = new Map<string, HostError>();

/**
 * A failure by its POSIX name, to be thrown inside the kernel and turned into a `SyscallResult` by whoever dispatches.
 * The same object each time: a failed path lookup happens thousands of times a program and needs no stack.
 */
export function posix(code: string): HostError {
  let error = made.get(code);
  if (!error) {
    error = new HostError(code);
    made.set(code, error);
  }
  return error;
}
