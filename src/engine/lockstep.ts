import { CTL, CTL_EXIT, CTL_FUEL, CTL_PC, STATE, STATE_SIZE } from "../memory/layout.ts";
import { Machine } from "./machine.ts";
import type { TieredParts } from "./tiered.ts";

export function lockstep(parts: TieredParts, name: string, region: () => void): () => void {
  const { engine, memory, state, book } = parts;
  const reference = new Machine(book, engine, memory, () => [0n], null);
  const area = new Uint8Array(engine.buffer, STATE, STATE_SIZE);
  const ctl = new Uint8Array(engine.buffer, CTL, 0x400);
  const text = (a: Uint8Array, offset: number) => {
    let out = "";
    for (let i = 7; i >= 0; i--) out += a[offset + i]!.toString(16).padStart(2, "0");
    return out;
  };
  return () => {
    const before = area.slice();
    state.setCtl(CTL_FUEL, Math.min(state.ctl(CTL_FUEL), 5));
    state.i32[16832 >> 2] = 0;
    state.i32[16836 >> 2] = 0;
    region();
    const masks = [
      state.i32[16832 >> 2]!.toString(16),
      state.i32[16836 >> 2]!.toString(16),
      "fuel",
      state.ctl(CTL_FUEL),
      "depth",
      state.ctl(16424),
    ];
    const after = { area: area.slice(), ctl: ctl.slice(), pc: state.ctl64(CTL_PC), exit: state.ctl(CTL_EXIT) };
    area.set(before);
    const differing = () =>
      state.slots
        .filter((s) => !s.hidden && text(area, s.offset) !== text(after.area, s.offset))
        .map(
          (s) =>
            `${s.name} before ${text(before, s.offset)} region ${text(after.area, s.offset)} evaluator ${text(area, s.offset)}`,
        );
    state.setCtl64(CTL_PC, Number.parseInt(name, 16));
    let best: string[] = ["never at the pc"];
    const path: string[] = [];
    for (let i = 0; ; i++) {
      if (state.ctl64(CTL_PC) === after.pc) {
        const d = differing();
        if (d.length === 0) break;
        if (best[0] === "never at the pc" || d.length < best.length) best = d;
      }
      path.push(state.ctl64(CTL_PC).toString(16));
      const stop = i < 3000 ? reference.run(1) : { k: "end" };
      if (stop.k !== "fuel" && stop.k !== "syscall") {
        console.error(
          "LOCKSTEP",
          masks,
          state.slots
            .filter((s) => text(before, s.offset) !== text(after.area, s.offset))
            .map((s) => `${s.name} ${text(before, s.offset)} ${text(after.area, s.offset)}`)
            .join("\n"),
          stop,
          name,
          "exit",
          after.exit,
          "pc",
          after.pc.toString(16),
          best.join("\n  "),
          path.slice(0, 400).join(" "),
        );
        process.exit(99);
      }
    }
    area.set(after.area);
    ctl.set(after.ctl);
  };
}
