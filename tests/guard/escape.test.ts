import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { run } from "../cli/sage.ts";

/** A guest that prints the files it is told to, tried on every way out of what it was granted. */
const cat = path.resolve(import.meta.dirname, "../../samples/cat-riscv64");
const base = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "sage-escape-")));
test.after(() => fs.rmSync(base, { recursive: true }));
const at = (name: string) => path.join(base, name);
fs.mkdirSync(at("root/bin"), { recursive: true });
fs.mkdirSync(at("root/etc"));
fs.mkdirSync(at("open"));
fs.copyFileSync(cat, at("root/bin/cat"));
fs.writeFileSync(at("secret"), "SECRET");
fs.writeFileSync(at("root/etc/own"), "OWN");
fs.writeFileSync(at("open/fine"), "FINE");
for (const place of ["root", "open"]) {
  fs.symlinkSync(at("secret"), at(`${place}/absolute`));
  fs.symlinkSync("../secret", at(`${place}/relative`));
  fs.symlinkSync("../../../../../../../../../..", at(`${place}/up`));
  fs.symlinkSync(base, at(`${place}/dir`));
}
const env = "SAGE_ESCAPE_TEST";
process.env[env] = "SECRET";

const ways = (inside: string) => [
  `${inside}absolute`,
  `${inside}relative`,
  `${inside}dir/secret`,
  `${inside}up${at("secret")}`,
  `${inside}../secret`,
  `${inside}../../../../../../../../../../${at("secret")}`,
  `/..${at("secret")}`,
  at("secret"),
  `/proc/self/root${at("secret")}`,
  `/proc/self/cwd/../secret`,
  `/proc/self/environ`,
  `/proc/${process.pid}/environ`,
  `/proc/1/environ`,
  `/dev/../${at("secret")}`,
  `/proc/self/fd/../../../${at("secret")}`,
  `/dev/fd/../../../${at("secret")}`,
];

test("under --root no spelling and no link leads out of the root", async () => {
  const own = await run("run", "--root", at("root"), "/bin/cat", "/etc/own", "/../etc/own", "/dir/../etc/own");
  assert.equal(own.stdout.slice(0, 6), "OWNOWN");
  for (const way of ways("/")) {
    const { stdout } = await run("run", "--root", at("root"), "/bin/cat", way);
    assert.ok(!stdout.includes("SECRET"), way);
  }
});

test("with a directory granted no spelling and no link leads out of it", async () => {
  const grant = `--allow-read=${at("open")}`;
  assert.equal((await run("run", grant, cat, at("open/fine"))).stdout, "FINE");
  for (const way of ways(at("open/"))) {
    const { stdout } = await run("run", grant, cat, way);
    assert.ok(!stdout.includes("SECRET"), way);
  }
});

test("with nothing granted the guest reads its own file and no other; granted everything, it reads all", async () => {
  const denied = await run("run", cat, at("secret"));
  assert.ok(!denied.stdout.includes("SECRET"));
  assert.ok(
    denied.stderr.includes(`sage: denied: read ${at("secret")} (allow it with --allow-read=${at("secret")})\n`),
  );
  assert.ok((await run("run", cat, cat)).stdout.startsWith("\x7fELF"));
  // and the ways above do lead to the secret where nothing guards it
  let reached = 0;
  for (const way of ways(at("open/"))) if ((await run("run", "-A", cat, way)).stdout.includes("SECRET")) reached++;
  assert.ok(reached >= 8, `${reached} ways`);
});
