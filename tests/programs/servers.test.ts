// Web servers answer a client in their sandbox; what debuggers are told, as nobody is traced here.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { GUESTS, type Guest } from "../guests.ts";
import { type Outcome, sage } from "./command.ts";
import { script } from "./compare.ts";
import { rootOf, whyNoRoot } from "./root.ts";

/** Why the root lacks a program, or false; under CI none may be missing. */
function whyNot(guest: Guest, path: string): string | false {
  const reason = whyNoRoot(guest) ?? (existsSync(join(rootOf(guest), path)) ? null : `no ${path} (test-roots.sh)`);
  if (reason && process.env.CI === "true") throw new Error(`CI must run ${path} of ${guest.isa}: ${reason}`);
  return reason ?? false;
}

function bash(guest: Guest, line: string): Promise<Outcome> {
  const env = { PATH: "/usr/bin:/usr/sbin:/bin" };
  return sage(["--root", rootOf(guest), "--allow-env=PATH"], ["/bin/bash", "-c", line], { env });
}

for (const guest of GUESTS) {
  // Its master is root, its two workers are nobody.
  test(`${guest.isa}: nginx answers curl`, { skip: whyNot(guest, "usr/sbin/nginx") }, async () => {
    const ran = await bash(guest, script("nginx.bash"));
    assert.equal(ran.stdout.toString(), "hello\nhello\nhello\n404\nstopped\n", ran.stderr.toString());
    assert.equal(ran.code, 0);
  });

  test(`${guest.isa}: lighttpd answers curl`, { skip: whyNot(guest, "usr/sbin/lighttpd") }, async () => {
    const ran = await bash(guest, script("lighttpd.bash"));
    assert.equal(ran.stdout.toString(), "hello\n404\nstopped\n", ran.stderr.toString());
  });

  test(`${guest.isa}: strace is told that nobody is traced`, { skip: whyNot(guest, "usr/bin/strace") }, async () => {
    const ran = await bash(guest, "strace /bin/true; echo $?");
    assert.equal(ran.stdout.toString(), "1\n");
    assert.match(ran.stderr.toString(), /^strace: .*PTRACE_TRACEME: Function not implemented$/m);
    assert.match(ran.stderr.toString(), /^sage: note: the program called ptrace .* which SAGE does not have$/m);
  });
}
