// User and group ids (credentials(7)); setreuid and setresuid as Linux's manual pages have them.
import assert from "node:assert/strict";
import test from "node:test";
import { Guest } from "./guest.ts";

/** Real, effective and saved ids. */
function ids(guest: Guest, call: "getresuid" | "getresgid"): number[] {
  const at = guest.room(12);
  assert.equal(guest.call(call, at, at + 4, at + 8), 0);
  return [0, 4, 8].map((offset) => guest.cpu.memory.u32(at + offset));
}

test("root gives itself up for good: group first, then user", () => {
  const guest = new Guest();
  const at = guest.room(16);
  guest.cpu.memory.setU32(at, 33);
  guest.cpu.memory.setU32(at + 4, 4);
  assert.equal(guest.call("setgroups", 2, at), 0);
  assert.equal(guest.call("getgroups", 1, at), "EINVAL");
  assert.equal(guest.call("getgroups", 0, 0), 2);
  assert.equal(guest.call("getgroups", 2, at + 8), 2);
  assert.deepEqual([guest.cpu.memory.u32(at + 8), guest.cpu.memory.u32(at + 12)], [33, 4]);
  assert.equal(guest.call("setgid", 65534), 0);
  assert.equal(guest.call("setuid", -1), "EINVAL");
  assert.equal(guest.call("setuid", 65534), 0);
  assert.deepEqual(ids(guest, "getresuid"), [65534, 65534, 65534]);
  assert.deepEqual(ids(guest, "getresgid"), [65534, 65534, 65534]);
  assert.equal(guest.call("setuid", 0), "EPERM");
  assert.equal(guest.call("setgid", 0), "EPERM");
  assert.equal(guest.call("setgroups", 0, 0), "EPERM");
  assert.equal(guest.call("setresuid", -1, 0, -1), "EPERM");
  assert.equal(guest.call("setfsuid", 0), 65534);
});

test("root for a while: the saved id leads back", () => {
  const guest = new Guest();
  assert.equal(guest.call("setresuid", 1000, 1001, 0), 0);
  assert.deepEqual(ids(guest, "getresuid"), [1000, 1001, 0]);
  assert.deepEqual([guest.call("getuid"), guest.call("geteuid")], [1000, 1001]);
  assert.equal(guest.call("setreuid", 0, -1), "EPERM");
  assert.equal(guest.call("setuid", 1001), "EPERM");
  assert.equal(guest.call("setuid", 0), 0);
  assert.deepEqual(ids(guest, "getresuid"), [1000, 0, 0]);
  assert.equal(guest.call("setreuid", -1, 1000), 0);
  assert.deepEqual(ids(guest, "getresuid"), [1000, 1000, 0]);
  assert.equal(guest.call("setreuid", 1000, 0), 0);
  assert.deepEqual(ids(guest, "getresuid"), [1000, 0, 0]);
  assert.equal(guest.call("setregid", 5, 6), 0);
  assert.deepEqual(ids(guest, "getresgid"), [5, 6, 6]);
});

test("ambient capabilities: none, and none to be had", () => {
  const guest = new Guest();
  const PR_CAP_AMBIENT = 47;
  assert.equal(guest.call("prctl", PR_CAP_AMBIENT, 4, 0, 0, 0), 0);
  assert.equal(guest.call("prctl", PR_CAP_AMBIENT, 1, 7, 0, 0), 0);
  assert.equal(guest.call("prctl", PR_CAP_AMBIENT, 2, 7, 0, 0), "EPERM");
  assert.equal(guest.call("prctl", PR_CAP_AMBIENT, 9, 7, 0, 0), "EINVAL");
  assert.equal(guest.call("prctl", PR_CAP_AMBIENT, 3, 64, 0, 0), "EINVAL");
});
