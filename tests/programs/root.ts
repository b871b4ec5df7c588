// The guest roots of the program tests, with qemu-user inside so that `chroot` gives both sides the same view of paths.
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { GUESTS, type Guest, NATIVE, REPOSITORY } from "../guests.ts";
import { writeFixtures } from "./fixtures.ts";

export const rootOf = (guest: Guest): string => join(REPOSITORY, ".cache", "roots", guest.debian);
const INSIDE = ".qemu";
const doneFile = (guest: Guest): string => join(rootOf(guest), INSIDE, "done");

/** How a program inside the root is run for comparison, before PROGRAM ARGS...; the root is made by `prepareRoots`. */
export function reference(guest: Guest): string[] {
  const emulator = [`/${INSIDE}/ld.so`, "--library-path", `/${INSIDE}`, `/${INSIDE}/qemu`];
  return [
    ...(process.getuid?.() === 0 ? [] : ["/usr/bin/unshare", "--map-root-user"]),
    "/usr/sbin/chroot",
    rootOf(guest),
    ...(guest.qemu === null ? [] : emulator),
  ];
}

/** Why the root's programs cannot be compared here, or null. Under CI nothing may be missing. */
export function whyNoRoot(guest: Guest): string | null {
  const reason = missing(guest);
  if (reason && process.env.CI === "true") throw new Error(`CI must compare programs of ${guest.isa}: ${reason}`);
  return reason;
}

function missing(guest: Guest): string | null {
  if (guest.qemu !== null && !existsSync(guest.qemu)) return `no ${guest.qemu} (scripts/test-tools.sh)`;
  if (!existsSync(doneFile(guest))) return `no .cache/roots/${guest.debian} (scripts/test-roots.sh)`;
  const [command, ...args] = reference(guest);
  const tried = spawnSync(command, [...args, "/usr/bin/busybox", "true"]);
  return tried.status === 0 ? null : `programs of ${guest.isa} do not run under chroot here`;
}

/** Run by scripts/test-roots.sh alone: test files run at once and must not make them under each other. */
export function prepareRoots(): void {
  const guests = new Set(NATIVE ? [...GUESTS, NATIVE] : GUESTS);
  for (const guest of guests) if (!existsSync(doneFile(guest))) prepareRoot(guest);
}

function prepareRoot(guest: Guest): void {
  const folder = join(rootOf(guest), INSIDE);
  mkdirSync(folder, { recursive: true });
  if (guest.qemu !== null) {
    const libraries = execFileSync("ldd", [guest.qemu], { encoding: "utf8" });
    for (const path of libraries.match(/\/\S+/g) ?? []) {
      copyFileSync(realpathSync(path), join(folder, basename(path).startsWith("ld-linux") ? "ld.so" : basename(path)));
    }
    copyFileSync(guest.qemu, join(folder, "qemu"));
  }
  writeFixtures(rootOf(guest));
  writeFileSync(doneFile(guest), "");
}
