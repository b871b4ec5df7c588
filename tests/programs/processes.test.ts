// Programs that start others, talk to them, share memory with them and wait for them.
import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { GUESTS, sampleOf } from "../guests.ts";
import { ENGINES, sage } from "./command.ts";
import { type Case, compare, script } from "./compare.ts";
import { rootOf, whyNoRoot } from "./root.ts";

const PYTHON = { PYTHONHASHSEED: "0", PYTHONDONTWRITEBYTECODE: "1" };

/** Run on this machine by itself for comparison: qemu-user cannot start other programs. */
const family = (name: string, run: readonly string[], more: Partial<Case> = {}): Case => ({
  name,
  run,
  processes: true,
  ...more,
});

const CASES: readonly Case[] = [
  family("bash: jobs and traps", ["/bin/bash"], { stdin: script("jobs.bash") }),
  family("sqlite3: WAL from two processes", ["/bin/bash"], { stdin: script("wal.bash") }),
  family("python3: threads", ["/usr/bin/python3", "-c", script("threads.py")], { env: PYTHON }),
  family("make -j2", [
    "/bin/bash",
    "-c",
    "cd $(mktemp -d) && printf 'all: a b c\\n\\t@cat a b c\\na b c:\\n\\t@sleep 0.05; echo $$@ > $$@\\n' | sed 's/[$][$]/$/g' > Makefile && make -j2",
  ]),
  family("xz -T2", [
    "/bin/bash",
    "-c",
    "cat /data/random.bin /data/text.txt /data/random.bin | xz -T2 --block-size=40000 -c | xz -dc | md5sum",
  ]),
  family("git: clone over a path", ["/bin/bash"], {
    stdin:
      "cd $(mktemp -d); export HOME=$PWD; git init -q a; cd a; git config user.email a@b; git config user.name n; for i in 1 2 3; do echo $i > f; git add f; git commit -qm c$i; done; cd ..; git clone -q a b; cd b; git log --format=%s; git status --short; ls",
  }),
];

compare("processes", CASES);

// On arm64 redis looks in /proc/self/smaps whether a page that was written is so in a child too.
const REDIS = `redis-server --port 6399 --save "" --daemonize no > /tmp/log 2>&1 &
until redis-cli -p 6399 ping 2> /dev/null; do sleep 0.05; done
redis-cli -p 6399 set key value; redis-cli -p 6399 get key; redis-cli -p 6399 incr n
redis-cli -p 6399 eval 'return redis.call("incr", KEYS[1]) * 10' 1 n
redis-cli -p 6399 shutdown nosave; wait; grep -c "ready to exit" /tmp/log`;

for (const guest of GUESTS) {
  const skip =
    whyNoRoot(guest) ?? (existsSync(join(rootOf(guest), "usr/bin/redis-server")) ? false : "no redis-server");
  test(`${guest.isa}: redis-server answers redis-cli`, { skip }, async () => {
    const ran = await sage(["--root", rootOf(guest), "--allow-env=PATH"], ["/bin/bash", "-c", REDIS], {
      env: { PATH: "/usr/bin:/bin" },
    });
    const lines = ran.stdout.toString().split("\n");
    assert.deepEqual(lines.slice(lines.indexOf("PONG")), ["PONG", "OK", "value", "1", "20", "1", ""]);
  });
}

/** Printed by processes.py; the chroot of the reference has no /dev/shm and no /dev/fd, so it cannot be asked. */
const PROCESSES = [
  "b'2\\n'",
  "(b'hey', None)",
  "-15",
  "[0, 1, 4, 9, 16]",
  "True",
  "0",
  "300",
  "b'ABC\\n'",
  "b'async\\n'",
];

for (const guest of GUESTS) {
  test(`${guest.isa}: python3: subprocess, multiprocessing, asyncio`, { skip: whyNoRoot(guest) ?? false }, async () => {
    const env = { PATH: "/usr/bin:/bin", ...PYTHON };
    const options = ["--root", rootOf(guest), `--allow-env=${Object.keys(env).join(",")}`];
    const ran = await sage(options, ["/usr/bin/python3", "-c", script("processes.py")], { env });
    assert.deepEqual(ran.stdout.toString().trimEnd().split("\n"), [...PROCESSES, "[0, 1, 4]", "alarm"]);
  });
}

test("process substitution", { skip: whyNoRoot(GUESTS[0]!) ?? false }, async () => {
  const line = "diff <(seq 3) <(seq 2 4); echo $?";
  const ran = await sage(["--root", rootOf(GUESTS[0]!)], ["/bin/bash", "-c", line]);
  assert.equal(ran.stdout.toString(), "1d0\n< 1\n3a3\n> 4\n1\n");
});

test("a shell of one machine starts programs of others", { skip: whyNoRoot(GUESTS[0]!) ?? false }, async (t) => {
  const root = mkdtempSync(join(tmpdir(), "sage-mixed-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, "bin"));
  copyFileSync(join(rootOf(GUESTS[0]!), "usr/bin/busybox"), join(root, "bin", "sh"));
  for (const guest of GUESTS) copyFileSync(sampleOf("hello", guest), join(root, "bin", guest.isa));
  const names = GUESTS.map(({ isa }) => isa);
  const line = `for i in ${names.join(" ")}; do /bin/$i | /bin/sh -c "read x; echo $i: \\$x"; done`;
  for (const engine of ENGINES) {
    const ran = await sage(["--root", root, "--engine", engine], ["/bin/sh", "-c", line]);
    const expected = names.map((isa) => `${isa}: Hello from another machine.\n`).join("");
    assert.equal(ran.stdout.toString(), expected, ran.stderr.toString());
  }
});
