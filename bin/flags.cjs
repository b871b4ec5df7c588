/**
 * V8's flags that SAGE runs under; to be set before anything else runs.
 *
 * Node's exit waits for V8's compile jobs; one that needs memory for its code waits for the main thread: neither would
 * end (nodejs/node#54918). Code built on the main thread keeps them apart.
 * What compiled guest code says of its branches V8 only reads if told to.
 */
exports.FLAGS = ["--no-maglev-build-code-on-background", "--experimental-wasm-branch-hinting"];

/** Later versions may not know the flags, and say so on standard error. */
const LAST_KNOWN = 26;

exports.setFlags = () => {
  if (Number.parseInt(process.versions.node, 10) > LAST_KNOWN) return;
  const { setFlagsFromString } = require("node:v8");
  for (const flag of exports.FLAGS) setFlagsFromString(flag);
};
