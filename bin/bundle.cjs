// Loads a bundle of dist/ along with its compiled code: require() and Node's own compile cache know only what a bundle
// compiles while it loads, so that every function called later is parsed again in each process.
const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { dirname } = require("node:path");
const { Script } = require("node:vm");

/** Where a bundle's compiled code lies: made when it was built, of use to that version of Node alone. */
exports.codeOf = (file) => `${file}.code`;

/** The bundle as a script, which has not run; undefined: there is no code for it, or not for this Node. */
exports.compiled = (file) => {
  try {
    const script = compile(file, readFileSync(exports.codeOf(file)));
    return script.cachedDataRejected ? undefined : script;
  } catch {
    return undefined;
  }
};

/** The bundle as a script, from its source. */
exports.parsed = (file) => compile(file);

/** Runs a bundle's script: what the bundle exports. */
exports.load = (script, file) => {
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(file), module, file, dirname(file));
  return module.exports;
};

function compile(filename, cachedData) {
  // Bundles are ASCII: a string of bytes takes half the space, and no decoding
  const source = readFileSync(filename, "latin1");
  return new Script(`(function(exports,require,module,__filename,__dirname){${source}\n})`, { filename, cachedData });
}
