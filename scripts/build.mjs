// Bundles the command line and the library doors into dist/.
import { existsSync, rmSync } from "node:fs";
import { build } from "esbuild";

rmSync("dist", { recursive: true, force: true });
const common = {
  outdir: "dist",
  bundle: true,
  platform: "node",
  target: "node22",
  minifySyntax: true,
  legalComments: "none",
  // Only training and learning load it
  external: ["@jax-js/jax"],
};

await import("./assets.ts");

// One CommonJS file: it starts sooner than modules do
await build({
  ...common,
  entryPoints: { cli: "src/cli/main.ts" },
  format: "cjs",
  outExtension: { ".js": ".cjs" },
  define: { "import.meta.dirname": "__dirname" },
});

const doors = Object.fromEntries(["index", "node"].map((name) => [name, `src/${name}.ts`]));
await build({
  ...common,
  entryPoints: Object.fromEntries(Object.entries(doors).filter(([, file]) => existsSync(file))),
  format: "esm",
  splitting: true,
  chunkNames: "chunks/[name]-[hash]",
});
