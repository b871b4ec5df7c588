import assert from "node:assert/strict";
import test from "node:test";
import { type SyscallResult, type Wait, waitUntil } from "../../src/kernel/result.ts";

/** A wait whose methods need their object, as futexes have them. */
class Counting implements Wait {
  readonly until = null;
  readonly outside = false;
  asked = 0;
  gone = false;
  poll(): SyscallResult | null {
    return ++this.asked > 1 ? this.asked : null;
  }
  expired(): SyscallResult {
    return -this.asked;
  }
  cancel(): void {
    this.gone = true;
  }
}

test("a wait with another limit is the same wait", () => {
  const wait = new Counting();
  const limited = waitUntil(wait, 5n);
  assert.equal(limited.until, 5n);
  assert.deepEqual([limited.poll(), limited.poll(), limited.expired()], [null, 2, -2]);
  limited.cancel?.();
  assert.equal(wait.gone, true);
  assert.equal(limited.midway, undefined);
});
