const cell = new Int32Array(new SharedArrayBuffer(4));

/** Blocks this thread. */
export function sleep(milliseconds: number): void {
  if (milliseconds > 0) Atomics.wait(cell, 0, 0, milliseconds);
}

/** Nanoseconds since the epoch, finer than Date's milliseconds. */
export function realtime(): bigint {
  const now = performance.timeOrigin + performance.now();
  const whole = Math.floor(now);
  return BigInt(whole) * 1_000_000n + BigInt(Math.floor((now - whole) * 1e6));
}

/** CPU time of this process in nanoseconds. */
export function cpuTime(): bigint {
  const { user, system } = process.cpuUsage();
  return BigInt(user + system) * 1000n;
}
