import { init, jit, nn, numpy as np, valueAndGrad } from "@jax-js/jax";
import type { Tensor } from "./safetensors.ts";
import { TOKENS } from "./tokens.ts";

/** What one role of a model reads and says: tokens in, independent yes-or-no answers out. */
export interface Role {
  readonly name: string;
  /** Tokens of its input. */
  readonly length: number;
  readonly answers: number;
  /** Logit of each answer before anything was learned. */
  readonly bias: number;
}

/** Floats an embedded token is, and units of a hidden layer. */
export const EMBED = 8;
export const HIDDEN = 160;

type Arrays = Record<string, np.Array>;

/**
 * One embedding of tokens and one trunk that all roles share; each role has its own first layer (it reads tokens at
 * places that mean something to it) and its own answers. Weights stand in plain arrays; jax computes with them.
 */
export class Network {
  readonly roles: readonly Role[];
  readonly weights = new Map<string, Tensor & { readonly data: Float32Array }>();
  private readonly steps = new Map<string, ReturnType<typeof stepOf>>();
  private readonly answerers = new Map<string, ReturnType<typeof answersOf>>();
  /** Weights as jax's arrays, until they change. */
  private held: Map<string, Arrays> = new Map();

  /** `draw` gives numbers from a normal distribution of variance one. */
  constructor(roles: readonly Role[], draw: () => number) {
    this.roles = roles;
    const add = (name: string, shape: number[], scale: number): void => {
      const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
      if (scale > 0) for (let i = 0; i < data.length; i++) data[i] = scale * draw();
      this.weights.set(name, { shape, data });
    };
    add("embed", [TOKENS, EMBED], 0.5);
    add("trunk.w", [HIDDEN, HIDDEN], Math.sqrt(2 / HIDDEN));
    add("trunk.b", [HIDDEN], 0);
    for (const r of roles) {
      add(`${r.name}.in.w`, [r.length * EMBED, HIDDEN], Math.sqrt(2 / (r.length * EMBED)));
      add(`${r.name}.in.b`, [HIDDEN], 0);
      add(`${r.name}.out.w`, [HIDDEN, r.answers], Math.sqrt(0.2 / HIDDEN));
      add(`${r.name}.out.b`, [r.answers], 0);
      this.weights.get(`${r.name}.out.b`)!.data.fill(r.bias);
    }
  }

  /** Makes the library ready; once before any network computes. */
  static async ready(): Promise<void> {
    await init("wasm");
  }

  get size(): number {
    let n = 0;
    for (const { data } of this.weights.values()) n += data.length;
    return n;
  }

  /** Call after weights were changed in place. */
  changed(): void {
    for (const arrays of this.held.values()) for (const a of Object.values(arrays)) a.dispose();
    this.held = new Map();
  }

  /** Answers as logits, `batch` times `role.answers`. */
  answer(role: Role, tokens: Uint16Array): Float32Array {
    const batch = tokens.length / role.length;
    let f = this.answerers.get(role.name);
    if (!f) this.answerers.set(role.name, (f = answersOf()));
    const z = floats(this.embedded(tokens), [batch, role.length * EMBED]);
    return f(this.arrays(role), z).dataSync() as Float32Array;
  }

  /** Loss over a batch, and its gradient by weight. `wanted`: 1 yes, 0 no; `weigh`: what each answer counts. */
  gradient(
    role: Role,
    tokens: Uint16Array,
    wanted: Float32Array,
    weigh: Float32Array,
  ): { loss: number; by: Map<string, Float32Array> } {
    const batch = tokens.length / role.length;
    let f = this.steps.get(role.name);
    if (!f) this.steps.set(role.name, (f = stepOf()));
    const z = floats(this.embedded(tokens), [batch, role.length * EMBED]);
    const shape = [batch, role.answers];
    const [loss, [grads, gz]] = f(this.arrays(role), z, floats(wanted, shape), floats(weigh, shape));
    const by = new Map<string, Float32Array>();
    for (const [key, name] of namesOf(role)) by.set(name, grads[key]!.dataSync() as Float32Array);
    // The library cannot differentiate a lookup in compiled code: each token's row gets the sum of its places' gradients
    const gradient = gz.dataSync() as Float32Array;
    const embed = new Float32Array(TOKENS * EMBED);
    for (let i = 0; i < tokens.length; i++)
      for (let d = 0; d < EMBED; d++) embed[tokens[i]! * EMBED + d]! += gradient[i * EMBED + d]!;
    by.set("embed", embed);
    return { loss: loss.item(), by };
  }

  private embedded(tokens: Uint16Array): Float32Array {
    const { data } = this.weights.get("embed")!;
    const out = new Float32Array(tokens.length * EMBED);
    for (let i = 0; i < tokens.length; i++)
      for (let d = 0; d < EMBED; d++) out[i * EMBED + d] = data[tokens[i]! * EMBED + d]!;
    return out;
  }

  private arrays(role: Role): Arrays {
    let own = this.held.get(role.name);
    if (!own) {
      own = Object.fromEntries(
        namesOf(role).map(([key, name]) => {
          const { shape, data } = this.weights.get(name)!;
          return [key, floats(data, shape)];
        }),
      );
      this.held.set(role.name, own);
    }
    // The library takes arrays over: a reference each
    return Object.fromEntries(Object.entries(own).map(([k, a]) => [k, a.ref]));
  }
}

const floats = (data: Float32Array, shape: readonly number[]): np.Array =>
  np.array(data as Float32Array<ArrayBuffer>, { shape: [...shape], dtype: np.float32, device: "wasm" });

const namesOf = (role: Role): [key: string, name: string][] => [
  ["inW", `${role.name}.in.w`],
  ["inB", `${role.name}.in.b`],
  ["trunkW", "trunk.w"],
  ["trunkB", "trunk.b"],
  ["outW", `${role.name}.out.w`],
  ["outB", `${role.name}.out.b`],
];

function logits(p: Arrays, z: np.Array): np.Array {
  const first = nn.relu(np.dot(z, p.inW!).add(p.inB!));
  const second = nn.relu(np.dot(first, p.trunkW!).add(p.trunkB!));
  return np.dot(second, p.outW!).add(p.outB!);
}

const answersOf = () => jit((p: Arrays, z: np.Array) => logits(p, z));

const stepOf = () =>
  jit(
    valueAndGrad(
      (p: Arrays, z: np.Array, wanted: np.Array, weigh: np.Array) => {
        const o = logits(p, z);
        // Cross entropy of yes-or-no answers, from logits
        return nn.softplus(o.ref).sub(o.mul(wanted)).mul(weigh).sum(1).mean();
      },
      { argnums: [0, 1] },
    ),
  );
