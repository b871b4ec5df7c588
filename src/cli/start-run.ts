import { main } from "./main.ts";
import { command } from "./run.ts";

/** `sage run`, without the other commands: a bundle of it starts sooner. Ends the process. */
export function start(argv: readonly string[]): Promise<never> {
  return main(argv, [{ name: "run", summary: "run a program", load: async () => ({ command }) }]);
}
