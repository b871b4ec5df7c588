import assert from "node:assert/strict";
import test from "node:test";
import { type CommandSpec, helpText, parseArguments } from "../../src/cli/args.ts";
import { parseAmount, parseSize } from "../../src/cli/units.ts";
import { SageError } from "../../src/errors.ts";

const spec: CommandSpec = {
  operands: "PROGRAM [ARGS...]",
  least: 1,
  most: Number.POSITIVE_INFINITY,
  greedy: true,
  options: [
    { name: "root", value: "DIR", help: "a directory" },
    { name: "trace", value: "FILE", optional: true, help: "a trace" },
    { name: "allow-all", short: "A", help: "all" },
  ],
  about: "About.",
  examples: [["run x", "an example"]],
};
const parse = (line: string, s: CommandSpec = spec) => parseArguments("run", s, line.split(" ").filter(Boolean));
const line = (call: () => unknown): string => {
  try {
    call();
    return "fine";
  } catch (error) {
    assert.ok(error instanceof SageError && error.code === "USAGE");
    return error.line;
  }
};

test("options end at the program; what follows is the program's", () => {
  const args = parse("--root d -A prog --root e -- -x");
  assert.deepEqual(args?.operands, ["prog", "--root", "e", "--", "-x"]);
  assert.equal(args?.text("root"), "d");
  assert.ok(args?.has("allow-all"));
  assert.deepEqual(parse("-A -- -prog --root x")?.operands, ["-prog", "--root", "x"]);
});

test("an optional value counts after = only", () => {
  const args = parse("--trace --trace=f --trace= prog");
  assert.deepEqual(args?.all("trace"), [true, "f", ""]);
  assert.deepEqual(args?.operands, ["prog"]);
  assert.equal(parse("--root=a=b p")?.text("root"), "a=b");
});

test("wrong lines are told in one line", () => {
  assert.match(
    line(() => parse("--rot d p")),
    /unknown option --rot \(did you mean --root\? see sage run --help\)/,
  );
  assert.match(
    line(() => parse("--xyzzy p")),
    /unknown option --xyzzy \(see/,
  );
  assert.match(
    line(() => parse("--root")),
    /--root needs a value \(write --root DIR\)/,
  );
  assert.match(
    line(() => parse("-A=1 p")),
    /-A takes no value/,
  );
  assert.match(
    line(() => parse("-A")),
    /too few arguments \(usage: sage run/,
  );
  assert.match(
    line(() => parse("a b", { ...spec, greedy: false, most: 1 })),
    /too many arguments/,
  );
});

test("help stands for the command before its program, and shows every option", () => {
  assert.equal(parse("--root d --help"), null);
  assert.deepEqual(parse("prog --help")?.operands, ["prog", "--help"]);
  const text = helpText("run", spec);
  for (const part of ["--root DIR", "--trace[=FILE]", "-A, --allow-all", "sage run x"]) assert.ok(text.includes(part));
});

test("sizes and amounts", () => {
  assert.equal(parseSize("--memory", "512M"), 512 * 2 ** 20);
  assert.equal(parseSize("--memory", "1.5GiB"), 1.5 * 2 ** 30);
  assert.equal(parseSize("--memory", "65536"), 65536);
  for (const bad of ["", "M", "-1", "0", "1T", "1e9", "99999999999G"])
    assert.match(
      line(() => parseSize("--memory", bad)),
      /is no size/,
    );
  assert.equal(parseAmount("--timeout", "0.5", false), 0.5);
  assert.equal(parseAmount("--fuel", "1e9", true), 1e9);
  for (const bad of ["", "0", "-1", "x", "1e99", "0x10", "Infinity"])
    assert.match(
      line(() => parseAmount("--timeout", bad, false)),
      /is no number/,
    );
  assert.match(
    line(() => parseAmount("--fuel", "0.5", true)),
    /is no whole number/,
  );
});
