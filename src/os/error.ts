/** What is wrong with an OS rulebook: one line, "file:line: what". */
export class AbiError extends Error {
  readonly code = "SAGE-ABI";
}
