import { RAN } from "../../oracle/oracle.ts";
import { dataflow, NONE, runWords, type Scene, Swaps } from "./anatomy.ts";
import type { Operand } from "./fields.ts";
import { gather, INVALID, type RegField, scatter } from "./form.ts";
import type { Probe, Seen } from "./probe.ts";

/** A field that selects registers in forms learned before. */
export interface Template extends Pick<RegField, "bits" | "map"> {
  readonly length: number;
  /** Forms that have it. */
  uses: number;
}

/** Registers that a field is tried at before it is none of the word's. */
const BASES = 4;

/**
 * Fields of other forms that are operands of this word too. Each is set to a register that no other operand found so
 * far is at; where every other value of the field does what the word does with that operand's value in the other
 * register, it is one. Gives the word with these operands at registers of their own.
 */
export async function knownOperands(
  probe: Probe,
  word: number,
  length: number,
  scene: Scene,
  file: readonly number[],
  templates: readonly Template[],
): Promise<{ word: number; operands: Operand[] }> {
  const operands: Operand[] = [];
  let at = word;
  const ordered = templates
    .filter((t) => t.length === length)
    .sort((a, b) => b.bits.length - a.bits.length || b.uses - a.uses);
  for (const t of ordered.slice(0, 12)) {
    if (operands.some((o) => o.bits.some((b) => t.bits.includes(b)))) continue;
    const found = await asOperand(probe, at, length, scene, file, t, operands);
    if (!found) continue;
    operands.push(found.operand);
    at = found.word;
  }
  return { word: at, operands };
}

async function asOperand(
  probe: Probe,
  word: number,
  length: number,
  scene: Scene,
  file: readonly number[],
  t: Template,
  others: readonly Operand[],
): Promise<{ word: number; operand: Operand } | undefined> {
  const values = [...t.map.keys()].filter((v) => t.map[v] !== INVALID);
  const runs = await runWords(
    probe,
    values.map((v) => scatter(word, t.bits, v)),
    length,
    scene,
  );
  const ran = values.flatMap((v, i) => (runs[i]!.outcome.some((o) => o === RAN) ? [{ v, seen: runs[i]! }] : []));
  if (ran.length < 2 || 2 * ran.length < values.length) return undefined;
  if (ran.every(({ seen }) => alike(seen, ran[0]!.seen))) return undefined;
  const used = new Set(others.map((o) => o.cell));
  const own = gather(word, t.bits);
  const free = ran
    .filter(({ v }) => t.map[v]! >= 0 && !used.has(t.map[v]!) && probe.keepsAny(t.map[v]!))
    .sort((a, b) => Number(b.v === own) - Number(a.v === own) || ((a.v * 5 + 3) & 31) - ((b.v * 5 + 3) & 31));
  for (const { v } of free.slice(0, BASES)) {
    const at = scatter(word, t.bits, v);
    const cell = t.map[v]!;
    const flow = await dataflow(probe, at, length, scene);
    if (!flow || !(flow.inputs.includes(cell) || flow.outputs.includes(cell))) continue;
    const swaps = await Swaps.of(probe, flow, length, scene, file, [cell]);
    const kinds = new Map<string, number>();
    const rest = ran.filter((r) => r.v !== v);
    for (const { v: to, seen } of rest) {
      const target = t.map[to]! < 0 ? NONE : t.map[to]!;
      for (const c of swaps.explain(seen, [target])) {
        if (c.from !== cell || c.to !== target) continue;
        const kind = `${c.reads} ${c.writes}`;
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      }
    }
    const [kind, count] = [...kinds].sort((a, b) => b[1] - a[1])[0] ?? ["", 0];
    if (count < Math.max(1, 0.85 * rest.length)) continue;
    const [reads, writes] = kind.split(" ").map((s) => s === "true") as [boolean, boolean];
    return { word: at, operand: { name: "", bits: t.bits, map: t.map, cell, reads, writes } };
  }
  return undefined;
}

function alike(a: Seen, b: Seen): boolean {
  const equal = (x: ArrayLike<number>, y: ArrayLike<number>): boolean => {
    for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
    return true;
  };
  return equal(a.outcome, b.outcome) && equal(a.pc, b.pc) && equal(a.state, b.state) && equal(a.memory, b.memory);
}

/** Adds the fields of a form that passed its test; the same bits for the same registers are one. */
export function rememberFields(templates: Template[], regs: readonly RegField[], length: number): void {
  for (const f of regs) {
    if (f.bits.length < 2) continue;
    const old = templates.find((t) => t.length === length && `${t.bits}` === `${f.bits}` && agree(t.map, f.map));
    if (!old) templates.push({ bits: f.bits, map: f.map, length, uses: 1 });
    else {
      old.uses++;
      // What one form excludes another may have
      const map = old.map.map((c, v) => (c === INVALID ? f.map[v]! : c));
      templates[templates.indexOf(old)] = { ...old, map };
    }
  }
}

const agree = (a: Int32Array, b: Int32Array): boolean =>
  a.every((c, v) => c === INVALID || b[v] === INVALID || c === b[v]);
