// The guest root of the program tests, with qemu-user inside so that `chroot` gives both sides the same view of paths.
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { writeFixtures } from "./fixtures.ts";

export const REPOSITORY = join(import.meta.dirname, "..", "..");
export const ROOT = join(REPOSITORY, ".cache", "roots", "riscv64");
const QEMU = "/usr/bin/qemu-riscv64";
const INSIDE = ".qemu";
const DONE = join(ROOT, INSIDE, "done");

/** How a program inside the root is started under qemu-user, before PROGRAM ARGS...; made by `prepareRoot`. */
export const CHROOT_QEMU: readonly string[] = [
  ...(process.getuid?.() === 0 ? [] : ["/usr/bin/unshare", "--map-root-user"]),
  "/usr/sbin/chroot",
  ROOT,
  `/${INSIDE}/ld.so`,
  "--library-path",
  `/${INSIDE}`,
  `/${INSIDE}/qemu`,
];

/** Why the root's programs cannot be compared here, or null. Under CI nothing may be missing. */
export function whyNoRoot(): string | null {
  const reason = missing();
  if (reason && process.env.CI === "true") throw new Error(`CI must compare with qemu-user: ${reason}`);
  return reason;
}

function missing(): string | null {
  if (!existsSync(QEMU)) return "no qemu-riscv64 (scripts/test-tools.sh)";
  if (!existsSync(DONE)) return "no .cache/roots/riscv64 (scripts/test-roots.sh)";
  const tried = spawnSync(CHROOT_QEMU[0], [...CHROOT_QEMU.slice(1), "/usr/bin/busybox", "true"]);
  return tried.status === 0 ? null : "qemu-riscv64 does not run under chroot here";
}

/** Run by scripts/test-roots.sh alone: test files run at once and must not make it under each other. */
export function prepareRoot(): void {
  if (existsSync(DONE)) return;
  const folder = join(ROOT, INSIDE);
  mkdirSync(folder, { recursive: true });
  const libraries = execFileSync("ldd", [QEMU], { encoding: "utf8" });
  for (const path of libraries.match(/\/\S+/g) ?? []) {
    copyFileSync(realpathSync(path), join(folder, basename(path).startsWith("ld-linux") ? "ld.so" : basename(path)));
  }
  copyFileSync(QEMU, join(folder, "qemu"));
  writeFixtures(ROOT);
  writeFileSync(DONE, "");
}
