// The benchmark's programs, and building them for this machine and for a guest.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";

export interface Kernel {
  readonly name: string;
  readonly kind: "integer" | "float";
}

export const KERNELS: readonly Kernel[] = [
  { name: "fannkuch", kind: "integer" },
  { name: "sha256", kind: "integer" },
  { name: "interpreter", kind: "integer" },
  { name: "sort", kind: "integer" },
  { name: "lz", kind: "integer" },
  { name: "recursion", kind: "integer" },
  { name: "sieve", kind: "integer" },
  { name: "nbody", kind: "float" },
  { name: "matrix", kind: "float" },
  { name: "spectral", kind: "float" },
  { name: "mandelbrot", kind: "float" },
];

/** A guest that kernels are built for: its compiler and the emulator to compare with. */
export interface Guest {
  readonly isa: string;
  /** Debian's name of it: .cache/roots/NAME is its root. */
  readonly debian: string;
  readonly compiler: readonly string[];
  readonly qemu: string;
}

export const GUESTS: readonly Guest[] = [
  { isa: "riscv64", debian: "riscv64", compiler: ["riscv64-linux-gnu-gcc", "-static"], qemu: "qemu-riscv64" },
  { isa: "aarch64", debian: "arm64", compiler: ["aarch64-linux-gnu-gcc", "-static"], qemu: "qemu-aarch64" },
  { isa: "x86_64", debian: "amd64", compiler: ["x86_64-linux-gnu-gcc", "-static"], qemu: "qemu-x86_64" },
];

const HERE = import.meta.dirname;
export const OUT = join(HERE, "..", ".cache", "bench");

function build(compiler: readonly string[], source: string, to: string): string {
  if (existsSync(to) && statSync(to).mtimeMs > statSync(source).mtimeMs) return to;
  mkdirSync(OUT, { recursive: true });
  const [program, ...flags] = compiler;
  execFileSync(program, [...flags, "-O2", "-o", to, source, "-lm"], { stdio: ["ignore", "inherit", "inherit"] });
  return to;
}

const sourceOf = (kernel: Kernel) => join(HERE, "kernels", `${kernel.name}.c`);

export function buildNative(kernel: Kernel): string {
  return build(["gcc"], sourceOf(kernel), join(OUT, `${kernel.name}-native`));
}

export function buildGuest(kernel: Kernel, guest: Guest): string {
  return build(guest.compiler, sourceOf(kernel), join(OUT, `${kernel.name}-${guest.isa}`));
}

export function buildCalls(guest: Guest): string {
  const source = join(HERE, "calls", "calls.c");
  return build([...guest.compiler, "-pthread"], source, join(OUT, `calls-${guest.isa}`));
}

export function buildClock(): string {
  return build(["gcc"], join(HERE, "clock.c"), join(OUT, "clock"));
}
