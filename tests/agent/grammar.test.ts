import assert from "node:assert/strict";
import test from "node:test";
import { grammar } from "../../src/agent/translator/grammar.ts";
import { high, Rng, structured, toBig } from "../../src/agent/translator/values.ts";
import { evalInst } from "../../src/ir/eval.ts";
import { loadIsaBook } from "../../src/rules/index.ts";

/** What the search computes and what the rulebook says for it are two writings of one meaning: here they are held together. */
for (const w of [8, 13, 18, 24, 32, 36, 64])
  test(`every rule of the grammar means at ${w} bits what its text says`, () => {
    const rng = new Rng(w);
    for (const rule of grammar(w)) {
      const names = rule.args.map((sort, i) => `${sort === "W" ? "" : "F"}${"ABC"[i]}`);
      const out = rule.result === "W" ? "O" : "FO";
      const book = loadIsaBook(
        `isa t little\nreg A B C O: i${w}\nreg FA FB FC FO: i1\nx | 00000000 | x | ${out} = ${rule.text(...names)}\n`,
      );
      const inst = book.lift(book.decode(Uint8Array.of(0), 0)!, 0);
      for (let k = 0; k < 120; k++) {
        const values = rule.args.map((sort) => {
          if (sort === "B") return [rng.below(2), 0] as const;
          const lo = structured(rng, w);
          return [lo, high] as const;
        });
        const state = new Map(names.map((name, i) => [book.slot(name)!, toBig(values[i]![0], values[i]![1])]));
        let said: bigint | undefined;
        evalInst(inst, {
          getSlot: (s) => state.get(s) ?? 0n,
          setSlot: (_, v) => {
            said = v;
          },
          load: () => 0n,
          store: () => undefined,
          rmw: () => 0n,
          ask: () => [],
        });
        const [a, b, c] = [values[0]!, values[1] ?? [0, 0], values[2] ?? [0, 0]];
        const lo = rule.f(a[0], a[1], b[0], b[1], c[0], c[1]);
        assert.equal(toBig(lo, high), said, `${rule.name} of ${values.map((v) => toBig(v[0], v[1]).toString(16))}`);
      }
    }
  });
