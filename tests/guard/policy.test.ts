import assert from "node:assert/strict";
import test from "node:test";
import { SageError } from "../../src/errors.ts";
import { allowAll, denyAll, grantOfFlag, parsePolicy, union } from "../../src/guard/policy.ts";

const line = (run: () => unknown): string => {
  try {
    run();
    return "fine";
  } catch (error) {
    assert.ok(error instanceof SageError);
    assert.equal(error.exitCode, 2);
    return error.line;
  }
};

test("a policy file says what flags say", () => {
  const policy = parsePolicy('{"read": ["/data"], "env": true, "net": false}', "p.json");
  assert.deepEqual(policy, { read: ["/data"], write: [], net: [], env: true, everything: false });
});

test("a policy file that is wrong is refused with one line that says where", () => {
  assert.match(
    line(() => parsePolicy("{", "p.json")),
    /^POLICY: p.json is not JSON/,
  );
  assert.match(
    line(() => parsePolicy("[]", "p.json")),
    /must hold one object/,
  );
  assert.match(
    line(() => parsePolicy('{"reed": true}', "p.json")),
    /has "reed"/,
  );
  assert.match(
    line(() => parsePolicy('{"read": "/"}', "p.json")),
    /"read" must be true, false or a list/,
  );
  assert.match(
    line(() => parsePolicy('{"read": [""]}', "p.json")),
    /"read" must be/,
  );
  assert.match(
    line(() => parsePolicy('{"everything": true}', "p.json")),
    /has "everything"/,
  );
});

test("flags: alone, with a list, with an empty name; two grants add up", () => {
  assert.equal(grantOfFlag("read", true), true);
  assert.deepEqual(grantOfFlag("net", "a.org,b.org:80"), ["a.org", "b.org:80"]);
  assert.match(
    line(() => grantOfFlag("read", "")),
    /^USAGE: --allow-read= lists an empty name/,
  );
  assert.match(
    line(() => grantOfFlag("read", "/a,,/b")),
    /^USAGE/,
  );
  assert.deepEqual(union({ ...denyAll, read: ["a", "b"] }, { ...denyAll, read: ["b", "c"] }).read, ["a", "b", "c"]);
  assert.deepEqual(union(denyAll, allowAll), allowAll);
});
