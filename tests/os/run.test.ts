import assert from "node:assert/strict";
import test from "node:test";
import type { Stop } from "../../src/engine/cpu.ts";
import { epitaph, Runner, shellStatus } from "../../src/os/run.ts";
import { book, type FakeCpu, Guest } from "./guest.ts";

const numbers = new Map([...book.calls.get("generic")!].map(([number, row]) => [row.name, number]));

/** A step of a program: the cpu makes this call. */
function calls(name: string, ...args: number[]): (cpu: FakeCpu) => Stop {
  return (cpu) => {
    for (let i = 0; i < 6; i++) cpu.put(`a${i}`, args[i] ?? 0);
    cpu.put("a7", numbers.get(name) ?? Number(name));
    cpu.pc += 4;
    return { k: "syscall" };
  };
}
const exit = (status: number): ((cpu: FakeCpu) => Stop) => calls("exit_group", status);

interface Ran {
  readonly guest: Guest;
  readonly runner: Runner;
  readonly trace: string[];
  readonly audit: { kind: string }[];
  readonly result: ReturnType<Runner["run"]>;
}

function run(steps: ((cpu: FakeCpu) => Stop)[], limits = {}, guest = new Guest()): Ran {
  guest.cpu.stops.push(...steps);
  guest.cpu.put("sp", 0x180000);
  const trace: string[] = [];
  const audit: { kind: string }[] = [];
  const sink = { record: (event: { kind: string }) => void audit.push(event) };
  const runner = new Runner(guest.linux, guest.process, limits, { trace: (line) => trace.push(line), audit: sink });
  return { guest, runner, trace, audit, result: runner.run() };
}

/** Puts a handler in place before the program starts. */
function handling(signal: number, flags = 0, guest = new Guest()): Guest {
  const action = guest.room(24);
  guest.cpu.memory.setU64(action, 0x123456);
  guest.cpu.memory.setU64(action + 8, flags);
  assert.equal(guest.call("rt_sigaction", signal, action, 0, 8), 0);
  guest.process.trampoline = 0x777000;
  return guest;
}

const SEGV: (cpu: FakeCpu) => Stop = () => ({ k: "fault", address: 0xdead0n, access: 2, mapped: false, precise: true });

test("a program ends with its status, traced like strace", () => {
  const guest = new Guest();
  const at = guest.text("hi\n");
  const { result, trace } = run([calls("write", 1, at, 3), exit(300)], {}, guest);
  assert.deepEqual(result, { k: "exited", status: 44 });
  assert.equal(shellStatus(result), 44);
  assert.deepEqual(trace, ['write(1, "hi\\n", 3) = 3', "exit_group(300) = ?", "+++ exited with 44 +++"]);
  assert.equal(guest.host.stdout.written, "hi\n");
});

test("an unknown call is ENOSYS, in the trace, the audit and the count", () => {
  const results: number[] = [];
  const note = (cpu: FakeCpu): Stop => {
    results.push(cpu.get("a0"));
    return exit(0)(cpu);
  };
  const { trace, audit, runner } = run([calls("9999"), calls("ptrace", 0, 0, 0), calls("rseq"), note]);
  assert.deepEqual(results, [-38]);
  assert.match(trace[0]!, /^syscall_9999\(0x0.*\) = -1 ENOSYS \(Function not implemented\)$/);
  assert.match(trace[1]!, /^ptrace\(0x0, .*\) = -1 ENOSYS/);
  assert.deepEqual(
    [...runner.unknown],
    [
      ["number 9999", 1],
      ["ptrace", 1],
    ],
  );
  assert.deepEqual(audit.filter((e) => e.kind === "unknown-call").length, 3);
});

test("faults without a handler: the shell's status and one line", () => {
  const cases: [(cpu: FakeCpu) => Stop, number, RegExp][] = [
    [SEGV, 139, /^SIGSEGV: unmapped at pc 0x10000, address 0xdead0$/],
    [
      () => ({ k: "illegal", bytes: Uint8Array.of(255, 255, 255, 255) }),
      132,
      /^SIGILL: illegal at pc 0x10000, bytes ff ff ff ff$/,
    ],
    [() => ({ k: "trap", name: "breakpoint" }), 133, /^SIGTRAP: breakpoint at pc 0x10000$/],
    [() => ({ k: "trap", name: "never heard of" }), 132, /^SIGILL: never heard of/],
  ];
  for (const [stop, status, line] of cases) {
    const { guest, result } = run([stop]);
    assert.equal(shellStatus(result), status);
    assert.match(epitaph(guest.linux, result) ?? "", line);
  }
});

test("a handler gets number, siginfo and ucontext, and comes back to changed registers", () => {
  const guest = handling(11, 4);
  const seen: Record<string, number> = {};
  const fault = (cpu: FakeCpu): Stop => {
    cpu.put("s5", 1234);
    cpu.put("fa3", -7);
    cpu.set(cpu.slot("fflags"), 0x11, 0);
    cpu.set(cpu.slot("frm"), 2, 0);
    return SEGV(cpu);
  };
  const handler = (cpu: FakeCpu): Stop => {
    for (const name of ["a0", "a1", "a2", "sp", "ra"]) seen[name] = cpu.get(name);
    seen.pc = cpu.pc;
    const context = cpu.get("a2");
    seen.code = cpu.memory.u32(cpu.get("a1") + 8);
    seen.address = cpu.memory.u64(cpu.get("a1") + 16);
    seen.oldPc = cpu.memory.u64(context + 176);
    seen.fcsr = cpu.memory.u32(context + 176 + 512);
    cpu.memory.setU64(context + 176, 0x10008);
    cpu.put("s5", 0);
    cpu.put("fa3", 0);
    cpu.set(cpu.slot("fflags"), 0, 0);
    return calls("rt_sigreturn")(cpu);
  };
  const after = (cpu: FakeCpu): Stop => {
    Object.assign(seen, {
      s5: cpu.get("s5"),
      fa3: cpu.get("fa3"),
      back: cpu.pc,
      flags: cpu.lo(cpu.slot("fflags")),
      rm: cpu.lo(cpu.slot("frm")),
    });
    return exit(0)(cpu);
  };
  const { result, trace } = run([fault, handler, after], {}, guest);
  assert.equal(shellStatus(result), 0);
  assert.deepEqual([seen.a0, seen.a1, seen.a2, seen.sp], [11, seen.sp, seen.sp! + 128, seen.sp]);
  assert.equal(seen.sp! % 16, 0);
  assert.deepEqual([seen.pc, seen.ra, seen.oldPc], [0x123456, 0x777000, 0x10000]);
  assert.deepEqual([seen.code, seen.address, seen.fcsr], [1, 0xdead0, 0x51]);
  assert.deepEqual([seen.s5, seen.fa3, seen.back, seen.flags, seen.rm], [1234, -7, 0x10008, 0x11, 2]);
  assert.match(trace[0]!, /^--- SIGSEGV \{si_signo=SIGSEGV, si_code=1, si_addr=0xdead0\} ---$/);
});

test("a second fault inside the handler of the same signal kills", () => {
  const { result } = run([SEGV, SEGV, exit(0)], {}, handling(11));
  assert.equal(shellStatus(result), 139);
});

test("without room for the frame the program dies of it", () => {
  const guest = handling(11);
  const lost = (cpu: FakeCpu): Stop => {
    cpu.put("sp", 0x90000);
    return SEGV(cpu);
  };
  const { result } = run([lost, exit(0)], {}, guest);
  assert.match(epitaph(guest.linux, result) ?? "", /no room for a signal handler's frame/);
});

test("an alternate stack is used where asked for", () => {
  const guest = handling(11, 0x08000004);
  const stack = guest.room(24);
  const area = guest.room(8192);
  guest.cpu.memory.setU64(stack, area);
  guest.cpu.memory.setU64(stack + 16, 8192);
  assert.equal(guest.call("sigaltstack", stack, 0), 0);
  let sp = 0;
  const handler = (cpu: FakeCpu): Stop => {
    sp = cpu.get("sp");
    return exit(0)(cpu);
  };
  run([SEGV, handler], {}, guest);
  assert.ok(sp >= area && sp < area + 8192);
});

test("signals a program sends itself: default, ignored, blocked, handled", () => {
  assert.equal(shellStatus(run([calls("kill", 2, 15), exit(0)]).result), 143);
  assert.equal(shellStatus(run([calls("tgkill", 2, 2, 6), exit(0)]).result), 134);
  assert.equal(shellStatus(run([calls("kill", 2, 28), exit(3)]).result), 3);
  const guest = new Guest();
  const set = guest.room(8);
  guest.cpu.memory.setU64(set, 2 ** 14);
  const blocked = [calls("rt_sigprocmask", 0, set, 0, 8), calls("kill", 2, 15), exit(5)];
  assert.equal(shellStatus(run(blocked, {}, guest).result), 5);
  const handled = handling(15);
  let at = 0;
  const handler = (cpu: FakeCpu): Stop => {
    at = cpu.pc;
    return exit(0)(cpu);
  };
  run([calls("kill", 2, 15), handler], {}, handled);
  assert.equal(at, 0x123456);
  assert.equal(shellStatus(run([calls("kill", 2, 65), exit(1)]).result), 1);
});

test("SIGPIPE where the reader is gone", () => {
  const guest = new Guest();
  const fds = guest.room(8);
  const steps = [calls("pipe2", fds, 0), calls("close", 3), calls("write", 4, fds, 1), exit(0)];
  assert.equal(shellStatus(run(steps, {}, guest).result), 141);
});

test("limits: fuel, time, and a wait that nothing can end", () => {
  assert.deepEqual(run([], { fuel: 1_000_000 }).result, { k: "fuel" });
  const guest = new Guest();
  const slow = (): Stop => {
    guest.host.now += 2_000_000_000n;
    return { k: "fuel" };
  };
  assert.deepEqual(run([slow, slow, slow], { timeoutMs: 3000 }, guest).result, { k: "timeout" });
  const stuck = new Guest();
  const word = stuck.room(4);
  assert.deepEqual(run([calls("futex", word, 128, 0)], {}, stuck).result, { k: "deadlock" });
  assert.match(epitaph(stuck.linux, { k: "deadlock" })!, /waits for something that cannot happen/);
});

test("sleeping takes its time, a timer wakes it", () => {
  const guest = new Guest();
  const time = guest.room(16);
  guest.cpu.memory.setU64(time, 3);
  const before = guest.host.now;
  run([calls("nanosleep", time, 0), exit(0)], {}, guest);
  assert.ok(guest.host.now - before >= 3_000_000_000n);
  const alarmed = handling(14);
  const timer = alarmed.room(32);
  alarmed.cpu.memory.setU64(timer + 16, 1);
  const long = alarmed.room(16);
  alarmed.cpu.memory.setU64(long, 1000);
  const start = alarmed.host.now;
  let result = 0;
  const handler = (cpu: FakeCpu): Stop => {
    result = cpu.memory.u32(cpu.get("a2") + 176 + 80) | 0;
    return exit(0)(cpu);
  };
  const { trace } = run([calls("setitimer", 0, timer, 0), calls("nanosleep", long, long), handler], {}, alarmed);
  assert.ok(
    trace.some((line) => line.startsWith("--- SIGALRM")),
    trace.join("\n"),
  );
  assert.ok(alarmed.host.now - start < 2_000_000_000n);
  assert.equal(result, -4, "EINTR in a0");
});

test("a signal that waits while a call is blocked is EINTR only where it does something", () => {
  const guest = new Guest();
  const time = guest.room(16);
  guest.cpu.memory.setU64(time, 1);
  const { trace } = run([calls("kill", 2, 17), calls("nanosleep", time, 0), exit(0)], {}, guest);
  assert.match(trace.join("\n"), /nanosleep\(.*\) = 0/);
});
