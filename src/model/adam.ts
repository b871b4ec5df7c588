import type { Tensor } from "./safetensors.ts";

/** Adam (Kingma and Ba, 2015), with the gradient cut to a norm. */
export class Adam {
  readonly rate: number;
  steps = 0;
  readonly mean = new Map<string, Float32Array>();
  readonly square = new Map<string, Float32Array>();

  constructor(rate: number) {
    this.rate = rate;
  }

  /** One step, in place. Weights without a gradient stay. */
  step(
    weights: ReadonlyMap<string, Tensor & { readonly data: Float32Array }>,
    gradient: ReadonlyMap<string, Float32Array>,
  ): void {
    this.steps++;
    let norm = 0;
    for (const g of gradient.values()) for (let i = 0; i < g.length; i++) norm += g[i]! * g[i]!;
    const cut = Math.min(1, MOST / (Math.sqrt(norm) + 1e-9));
    const rate = (this.rate * Math.sqrt(1 - B2 ** this.steps)) / (1 - B1 ** this.steps);
    for (const [name, g] of gradient) {
      const { data } = weights.get(name)!;
      const m = buffer(this.mean, name, data.length);
      const v = buffer(this.square, name, data.length);
      for (let i = 0; i < data.length; i++) {
        const x = g[i]! * cut;
        m[i] = B1 * m[i]! + (1 - B1) * x;
        v[i] = B2 * v[i]! + (1 - B2) * x * x;
        data[i] = data[i]! - (rate * m[i]!) / (Math.sqrt(v[i]!) + 1e-8);
      }
    }
  }
}

const B1 = 0.9;
const B2 = 0.98;
const MOST = 5;

function buffer(of: Map<string, Float32Array>, name: string, size: number): Float32Array {
  let b = of.get(name);
  if (!b) of.set(name, (b = new Float32Array(size)));
  return b;
}
