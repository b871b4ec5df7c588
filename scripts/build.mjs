// Bundles the command line and the library doors into dist/.
import { execFileSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

rmSync("dist", { recursive: true, force: true });
const common = {
  outdir: "dist",
  bundle: true,
  platform: "node",
  target: "node22",
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none",
  // Only training and learning load it
  external: ["@jax-js/jax"],
};

await import("./assets.ts");

// One CommonJS file: it starts sooner than modules do
const started = { ...common, format: "cjs", outExtension: { ".js": ".cjs" } };
const define = { "import.meta.dirname": "__dirname" };
await build({ ...started, define, entryPoints: { cli: "src/cli/commands.ts" } });
// What runs from what was built needs nothing that makes it, and what is not loaded late needs no wrapping
const external = ["./engine/make-parts.ts", "./snapshots.ts"];
await build({ ...started, define, external, entryPoints: { run: "src/cli/start-run.ts" } });

const doors = Object.fromEntries(["index", "node"].map((name) => [name, `src/${name}.ts`]));
await build({
  ...common,
  entryPoints: Object.fromEntries(Object.entries(doors).filter(([, file]) => existsSync(file))),
  format: "esm",
  splitting: true,
  chunkNames: "chunks/[name]-[hash]",
});

// In a process of its own, which knows no other flags than its own and may end
execFileSync(process.execPath, [join(import.meta.dirname, "code.mjs")], { stdio: ["ignore", "ignore", "inherit"] });
