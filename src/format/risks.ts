import { SageError } from "../errors.ts";
import type { Image } from "./image.ts";

/** One thing about a file that a careful person wants to know before running it. */
export interface Risk {
  readonly code: string;
  readonly what: string;
}

/** Calls that start other programs or load code: what they do is decided at run time. */
const reaching = [
  "system",
  "popen",
  "execve",
  "execv",
  "execvp",
  "execl",
  "posix_spawn",
  "dlopen",
  "ptrace",
  "memfd_create",
];

/** What is risky about a program, from its headers and tables; never throws a SageError. */
export function imageRisks(image: Image): Risk[] {
  const risks: Risk[] = image.warnings.map((what) => ({ code: "ODD", what }));
  const add = (code: string, what: string) => void risks.push({ code, what });
  for (const s of image.segments)
    if ((s.prot & 6) === 6) add("WRITE_EXEC", `the segment at 0x${s.address.toString(16)} is writable and executable`);
  if (image.stackProt !== undefined && image.stackProt & 4) add("EXEC_STACK", "it asks for an executable stack");
  if (
    image.interpreter !== undefined &&
    !/^\/(lib|lib64|usr\/lib|system\/bin|libexec|usr\/libexec)\//.test(image.interpreter)
  )
    add("INTERPRETER", `its dynamic linker is in an unusual place: ${image.interpreter}`);
  attempt(add, () => {
    const { runpath } = image.dynamic();
    const loose = runpath?.split(":").find((path) => path === "" || path.startsWith("/tmp") || /^(?![/$])/.test(path));
    if (loose !== undefined) add("RUNPATH", `libraries are looked for in "${loose}", where others may put them`);
  });
  attempt(add, () => {
    const named = new Set(image.symbols().flatMap((s) => (s.defined ? [] : [s.name.replace(/@.*/, "")])));
    const found = reaching.filter((name) => named.has(name));
    if (found.length) add("REACHES_OUT", `it may start programs or load code: ${found.join(", ")}`);
  });
  attempt(add, () => {
    const end = image.sections().reduce((last, s) => Math.max(last, s.type === 8 ? 0 : s.fileOffset + s.size), 0);
    if (end > image.bytes.length) add("ODD", "sections lie beyond the end of the file");
  });
  return risks;
}

function attempt(add: (code: string, what: string) => void, look: () => void): void {
  try {
    look();
  } catch (error) {
    if (!(error instanceof SageError)) throw error;
    add("DAMAGED", error.message);
  }
}
