import type { Role } from "../../model/network.ts";
import type { Tensor } from "../../model/safetensors.ts";
import type { Rng } from "../translator/values.ts";

/** What a role was asked and what was right, the last `CAPACITY` of them. */
export class Replay {
  readonly role: Role;
  count = 0;
  private tokens: Int32Array;
  private right: Float32Array;
  private asked: Float32Array;

  constructor(role: Role) {
    this.role = role;
    this.tokens = new Int32Array(CAPACITY * role.length);
    this.right = new Float32Array(CAPACITY * role.answers);
    this.asked = new Float32Array(CAPACITY * role.answers);
  }

  add(tokens: Uint16Array, right: Float32Array, asked: Float32Array): void {
    const at = this.count++ % CAPACITY;
    this.tokens.set(tokens, at * this.role.length);
    this.right.set(right, at * this.role.answers);
    this.asked.set(asked, at * this.role.answers);
  }

  /** A batch at random: one of the last `fresh` for each that is older. */
  batch(rng: Rng, size: number, fresh: number): { tokens: Uint16Array; right: Float32Array; asked: Float32Array } {
    const { length, answers } = this.role;
    const out = {
      tokens: new Uint16Array(size * length),
      right: new Float32Array(size * answers),
      asked: new Float32Array(size * answers),
    };
    const held = Math.min(this.count, CAPACITY);
    for (let i = 0; i < size; i++) {
      const back = 1 + rng.below(i % 2 === 0 ? held : Math.max(1, Math.min(held, fresh)));
      const at = (this.count - back) % CAPACITY;
      out.tokens.set(this.tokens.subarray(at * length, (at + 1) * length), i * length);
      out.right.set(this.right.subarray(at * answers, (at + 1) * answers), i * answers);
      out.asked.set(this.asked.subarray(at * answers, (at + 1) * answers), i * answers);
    }
    return out;
  }

  save(into: Map<string, Tensor>): void {
    const { name, length, answers } = this.role;
    into.set(`replay.${name}.tokens`, { shape: [CAPACITY, length], data: this.tokens });
    into.set(`replay.${name}.right`, { shape: [CAPACITY, answers], data: this.right });
    into.set(`replay.${name}.asked`, { shape: [CAPACITY, answers], data: this.asked });
  }
  restore(from: ReadonlyMap<string, Tensor>, count: number): void {
    const { name } = this.role;
    this.tokens.set(from.get(`replay.${name}.tokens`)!.data);
    this.right.set(from.get(`replay.${name}.right`)!.data);
    this.asked.set(from.get(`replay.${name}.asked`)!.data);
    this.count = count;
  }
}
const CAPACITY = 2048;
