import type { Module } from "./module.ts";

/** The text of one function while it is written: fresh names, the block being filled. */
export class Body {
  readonly module: Module;
  readonly lines: string[] = [];
  /** Label of the block that lines go to. */
  block = "entry";
  private names = 0;

  constructor(module: Module) {
    this.module = module;
  }

  /** Writes `%name = text` and answers the name. */
  value(text: string): string {
    const name = this.name("v");
    this.line(`${name} = ${text}`);
    return name;
  }
  line(text: string): void {
    this.lines.push(`  ${text}`);
  }
  name(stem: string): string {
    return `%${stem}${++this.names}`;
  }
  /** Name for a block to come, without %. */
  label(stem: string): string {
    return `${stem}${++this.names}`;
  }
  /** Begins a block. */
  begin(label: string): void {
    this.lines.push(`${label}:`);
    this.block = label;
  }

  /** Calls a declared function on typed values ("i64 %v1"). */
  call(name: string, result: string, args: readonly string[]): string {
    const types = args.map((a) => a.slice(0, a.indexOf(" ")));
    const text = `call ${result} ${this.module.helper(name, result, types)}(${args.join(", ")})`;
    if (result !== "void") return this.value(text);
    this.line(text);
    return "";
  }
}
