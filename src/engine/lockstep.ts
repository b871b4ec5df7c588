import { CTL, CTL_EXIT, CTL_FUEL, CTL_PC, Exit, STATE, STATE_SIZE } from "../memory/layout.ts";
import { Machine } from "./machine.ts";
import type { TieredParts } from "./tiered.ts";

/** Debugging aid: runs each region, then the evaluator from the same state until it agrees. */
export function lockstep(parts: TieredParts, name: string, region: () => void): () => void {
  const { engine, memory, state, book } = parts;
  const reference = new Machine(book, engine, memory, () => [0n], null);
  const area = new Uint8Array(engine.buffer, STATE, STATE_SIZE);
  const ctl = new Uint8Array(engine.buffer, CTL, 0x400);
  return () => {
    const guest = () => new Uint8Array(memory.wasm.buffer, 0, Math.min(memory.wasm.buffer.byteLength, 0x900000));
    const high = () => new Uint8Array(memory.wasm.buffer).subarray(0x3fe00000, 0x3fef0000);
    const before = { area: area.slice(), ctl: ctl.slice(), guest: guest().slice(), high: high().slice() };
    const fuel = Math.min(state.ctl(CTL_FUEL), 30);
    state.setCtl(CTL_FUEL, fuel);
    region();
    const after = { area: area.slice(), ctl: ctl.slice(), guest: guest().slice(), high: high().slice(), pc: state.ctl64(CTL_PC), exit: state.ctl(CTL_EXIT) };
    area.set(before.area);
    guest().set(before.guest);
    high().set(before.high);
    const differing = () => parts.state.slots.filter((s) => !s.hidden && before32(area, s.offset) !== before32(after.area, s.offset)).map((s) => `${s.name} region ${before32(after.area, s.offset)} evaluator ${before32(area, s.offset)}`);
    state.setCtl64(CTL_PC, Number.parseInt(name, 16));
    let best: string[] = ["never at the pc"];
    const want = after.exit === Exit.Stop || after.exit === Exit.Evaluate ? after.pc : after.pc;
    const path: string[] = [];
    for (let i = 0; i < 20000; i++) {
      if (i > 0 && state.ctl64(CTL_PC) === want) {
        const d = differing();
        if (d.length === 0) break;
        if (best[0] === "never at the pc" || d.length < best.length) best = d;
      }
      if (i === 19999) {
        console.error("LOCKSTEP", name, "exit", after.exit, "pc", want.toString(16), best.join("\n  "), path.slice(0, 60).join(" "));
        process.exit(99);
      }
      path.push(state.ctl64(CTL_PC).toString(16));
      const stop = reference.run(1);
      if (stop.k !== "fuel" && !(stop.k === "syscall")) {
        console.error("LOCKSTEP stop", name, stop, "exit", after.exit, "pc", want.toString(16), best.join("\n  "), path.join(" "));
        process.exit(99);
      }
    }
    area.set(after.area);
    ctl.set(after.ctl);
    guest().set(after.guest);
    high().set(after.high);
  };
}

function before32(area: Uint8Array, offset: number): string {
  let out = "";
  for (let i = 7; i >= 0; i--) out += area[offset + i]!.toString(16).padStart(2, "0");
  return out;
}
