// The guests that programs are tested for, and what runs them for comparison.
import { existsSync } from "node:fs";
import { join } from "node:path";

export const REPOSITORY = join(import.meta.dirname, "..");

export interface Guest {
  /** Its rulebook's name. */
  readonly isa: string;
  /** Debian's name of the architecture, and the prefix of Debian's compilers for it. */
  readonly debian: string;
  readonly triplet: string;
  /** The emulator to compare with; null: this machine's own processor and Linux are the reference. */
  readonly qemu: string | null;
  /** The dynamic linker that its programs name. */
  readonly linker: string;
}

const native = process.arch === "x64" && process.platform === "linux";

const ALL: readonly Guest[] = [
  {
    isa: "riscv64",
    debian: "riscv64",
    triplet: "riscv64-linux-gnu",
    qemu: "/usr/bin/qemu-riscv64",
    linker: "/lib/ld-linux-riscv64-lp64d.so.1",
  },
  {
    isa: "aarch64",
    debian: "arm64",
    triplet: "aarch64-linux-gnu",
    qemu: "/usr/bin/qemu-aarch64",
    linker: "/lib/ld-linux-aarch64.so.1",
  },
  {
    isa: "x86_64",
    debian: "amd64",
    triplet: "x86_64-linux-gnu",
    qemu: native ? null : "/usr/bin/qemu-x86_64",
    linker: "/lib64/ld-linux-x86-64.so.2",
  },
];

/** Those that have a rulebook. */
export const GUESTS = ALL.filter(({ isa }) => existsSync(join(REPOSITORY, "rulebooks", "isa", `${isa}.rules`)));

/** The guest whose programs this machine runs by itself, the reference for what starts other programs: qemu-user cannot. */
export const NATIVE: Guest | undefined = ALL.find((guest) => guest.qemu === null);

/** A sample of samples/ built for a guest. */
export const sampleOf = (name: string, guest: Guest): string => join(REPOSITORY, "samples", `${name}-${guest.isa}`);
