import { sageError } from "../errors.ts";
import type { Image } from "./image.ts";

/** What this SAGE can run: the ISAs and OSs that have rulebooks, and where guest addresses end. */
export interface Abilities {
  readonly isas: readonly string[];
  readonly oses: readonly string[];
  readonly addressLimit: number;
}

/** Throws the coded reason why `image` cannot be started as a program; returns where it can. */
export function checkRunnable(image: Image, able: Abilities): void {
  if (!able.isas.includes(image.isa))
    throw sageError("ISA_UNSUPPORTED", `the program is for ${image.isa}, SAGE runs ${able.isas.join(", ")}`);
  if (!able.oses.includes(image.os))
    throw sageError("OS_UNSUPPORTED", `the program is for ${image.os}, SAGE runs programs for ${able.oses.join(", ")}`);
  // Dynamic linkers are libraries with an entry, and are run as programs
  const program = image.type === "exec" || image.type === "pie" || (image.type === "shared" && image.entry !== 0);
  if (!program) throw sageError("NOT_A_PROGRAM", `the file is ${kinds[image.type]}`);
  const first = image.segments[0];
  const last = image.segments.at(-1);
  if (!first || !last) throw sageError("ELF_SEGMENT", "a program without anything to load");
  // A program that goes anywhere needs its span, one that is fixed its last address
  const end = last.address + last.memorySize - (image.type === "exec" ? 0 : first.address);
  if (end > able.addressLimit)
    throw sageError("ELF_TOO_BIG", `the program reaches to ${end} bytes, addresses end at ${able.addressLimit}`);
}

const kinds = {
  exec: "a program",
  pie: "a program",
  shared: "a library",
  relocatable: "an object file, not linked yet",
  core: "a core dump",
  other: "of a type not known",
} as const;
