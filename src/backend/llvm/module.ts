/**
 * One LLVM module as text (LLVM 19 assembly): functions, the helpers and intrinsics they call, the names of exits.
 * Everything LLVM has no instruction for is a declared function `sage.*`; whoever links the module provides it.
 */
export class Module {
  private readonly declared = new Map<string, string>();
  private readonly strings = new Map<string, string>();
  private readonly functions: string[] = [];

  /** Name of a declared function; `result` and `parameters` are LLVM types. */
  helper(name: string, result: string, parameters: readonly string[]): string {
    const symbol = `@${quoted(name)}`;
    this.declared.set(symbol, `declare ${result} ${symbol}(${parameters.join(", ")})`);
    return symbol;
  }

  /** A constant C string. */
  text(text: string): string {
    const known = this.strings.get(text);
    if (known !== undefined) return known;
    const symbol = `@${quoted(`sage.text.${text}`)}`;
    this.strings.set(text, symbol);
    return symbol;
  }

  add(body: string): void {
    this.functions.push(body);
  }

  toString(): string {
    const strings = [...this.strings].map(([text, symbol]) => {
      const size = new TextEncoder().encode(text).length + 1;
      return `${symbol} = private unnamed_addr constant [${size} x i8] c"${escaped(text)}\\00"`;
    });
    const parts = [strings.join("\n"), ...this.functions, [...this.declared.values()].join("\n")];
    return `${parts.filter((p) => p !== "").join("\n\n")}\n`;
  }
}

/** A name as LLVM spells it, quoted where it must be. */
export const quoted = (name: string): string => (/^[-a-zA-Z$._][-\w$.]*$/.test(name) ? name : `"${escaped(name)}"`);

/** Bytes that LLVM's strings take literally, others as \\hh. */
function escaped(text: string): string {
  let out = "";
  for (const byte of new TextEncoder().encode(text)) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
    out += plain ? String.fromCharCode(byte) : `\\${byte.toString(16).padStart(2, "0")}`;
  }
  return out;
}
