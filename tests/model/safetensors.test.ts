import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readTensors, type Tensor, writeTensors } from "../../src/model/safetensors.ts";

test("tensors come back as they were written, bit by bit", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.stringMatching(/^[a-z.]{1,12}$/), fc.float32Array({ maxLength: 9 })), { maxLength: 5 }),
      fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.string()),
      (list, metadata) => {
        const tensors = new Map<string, Tensor>();
        for (const [name, data] of list) tensors.set(name, { shape: [data.length], data });
        const back = readTensors(writeTensors({ tensors, metadata }), "it");
        assert.deepEqual([...back.tensors.keys()].sort(), [...tensors.keys()].sort());
        for (const [name, { data }] of tensors)
          assert.deepEqual(new Uint32Array(back.tensors.get(name)!.data.buffer), new Uint32Array(data.slice().buffer));
        assert.deepEqual(back.metadata, { ...metadata });
      },
    ),
  );
});

test("a file that is cut, or lies, is refused by its name", () => {
  const whole = writeTensors({
    tensors: new Map([["w", { shape: [4], data: new Float32Array(4) }]]),
    metadata: {},
  });
  for (let n = 0; n < whole.length; n++)
    assert.throws(() => readTensors(whole.slice(0, n), "model.x"), /model\.x/, `cut to ${n}`);
  const text = new TextDecoder("latin1").decode(whole);
  for (const [from, to] of [
    ["F32", "F99"],
    ["[4]", "[5]"],
    ["[0,16]", "[0,99]"],
  ] as const) {
    const lie = text.replace(from, to);
    assert.notEqual(lie, text);
    assert.throws(
      () =>
        readTensors(
          Uint8Array.from(lie, (c) => c.charCodeAt(0)),
          "model.x",
        ),
      /model\.x/,
    );
  }
});
