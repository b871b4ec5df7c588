// An interactive session in a real terminal (tmux): line editing, job control, resizing, a full-screen program.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test, { type TestContext } from "node:test";
import { GUESTS } from "../guests.ts";
import { SAGE } from "./command.ts";
import { rootOf, whyNoRoot } from "./root.ts";

const missing = spawnSync("tmux", ["-V"]).status === 0 ? null : "no tmux";
if (missing && process.env.CI === "true") throw new Error(missing);

/** How long a screen may take to show what is expected. */
const LIMIT_MS = 60_000;
/** How long a key may take to have its effect, before it is pressed again. */
const PRESS_MS = 3000;

/** One tmux server with one window, in which SAGE runs a guest's program. */
class Screen {
  private readonly socket: string;
  constructor(t: TestContext, name: string, command: readonly string[]) {
    this.socket = `sage-test-${process.pid}-${name}`;
    t.after(() => this.tmux("kill-server"));
    const line = [...command, ";", "echo", "status", "$?", ";", "sleep", "600"].map((word) =>
      /^[;$]/.test(word) ? word : `'${word}'`,
    );
    this.tmux("new-session", "-d", "-x", "80", "-y", "24", line.join(" "));
  }
  private tmux(...args: string[]): string {
    return spawnSync("tmux", ["-L", this.socket, ...args], { encoding: "utf8" }).stdout;
  }
  type(...keys: string[]): void {
    this.tmux("send-keys", ...keys);
  }
  resize(columns: number, rows: number): void {
    this.tmux("resize-window", "-x", String(columns), "-y", String(rows));
  }
  /** Waits until the screen's text matches; fails with what it showed. */
  async shows(wanted: RegExp, pass: (waited: number) => void = () => {}): Promise<string> {
    const start = Date.now();
    for (;;) {
      const text = this.tmux("capture-pane", "-p").trimEnd();
      if (wanted.test(text)) return text;
      const waited = Date.now() - start;
      assert.ok(waited < LIMIT_MS, `no ${wanted} on the screen:\n${text}`);
      pass(waited);
      await new Promise((wake) => setTimeout(wake, 50));
    }
  }
  /** Presses a key that signals, again where it came before a shell had handed the terminal over. */
  async press(key: string, wanted: RegExp): Promise<void> {
    let pressed = 0;
    await this.shows(wanted, (waited) => {
      if (waited < pressed * PRESS_MS) return;
      pressed++;
      this.type(key);
    });
  }
}

const sage = (root: string, ...program: string[]): string[] => [
  ...SAGE,
  "run",
  "--root",
  root,
  "--allow-env=TERM",
  ...program,
];

const guest = GUESTS.find(({ isa }) => isa === "riscv64")!;
const skip = missing ?? whyNoRoot(guest) ?? false;

test("bash in a terminal: editing, job control, resizing", { skip }, async (t) => {
  const screen = new Screen(t, "bash", sage(rootOf(guest), "/bin/bash", "--norc"));
  await screen.shows(/[#$]$/);
  screen.type("echo hel", "lox", "BSpace", "Enter");
  await screen.shows(/^hello$/m);
  screen.type("sleep 500", "Enter");
  await screen.shows(/sleep 500$/);
  await screen.press("C-z", /^\[1\]\+\s+Stopped\s+sleep 500$/m);
  screen.type("fg", "Enter");
  await screen.shows(/fg\nsleep 500$/);
  await screen.press("C-c", /\^C\n.*[#$]$/);
  screen.type("echo $?; tty; stty size", "Enter");
  await screen.shows(/^130\n\/dev\/pts\/0\n24 80$/m);
  screen.resize(100, 30);
  screen.type("stty size", "Enter");
  await screen.shows(/^30 100$/m);
  screen.type("echo go; while :; do :; done", "Enter");
  await screen.shows(/^go$/m);
  await screen.press("C-c", /\^C\n.*[#$]$/);
  screen.type("echo ready; cat | tr a-z A-Z", "Enter");
  await screen.shows(/^ready$/m);
  screen.type("typed", "Enter");
  screen.type("C-d");
  await screen.shows(/^TYPED$/m);
  screen.type("exit 3", "Enter");
  await screen.shows(/^status 3$/m);
});

test("a prompt of python3", { skip }, async (t) => {
  const screen = new Screen(t, "python", sage(rootOf(guest), "/usr/bin/python3", "-q"));
  await screen.shows(/^>>> ?$/m);
  screen.type("6 * 7", "Enter");
  await screen.shows(/^42$/m);
  screen.type("input('name? ')", "Enter");
  await screen.shows(/name\?$/);
  screen.type("somebody", "Enter");
  await screen.shows(/^'somebody'$/m);
  screen.type("print('go') or exec('while 1: pass')", "Enter");
  await screen.shows(/^go$/m);
  await screen.press("C-c", /^KeyboardInterrupt\n>>>$/m);
  screen.type("C-d");
  // Python ends as its last interrupted statement did.
  await screen.shows(/^status (0|130)$/m);
});

test("vi of busybox edits a file", { skip }, async (t) => {
  const script = "seq 2 > /tmp/file; busybox vi /tmp/file; cat /tmp/file";
  const screen = new Screen(t, "vi", sage(rootOf(guest), "/bin/bash", "-c", script));
  await screen.shows(/^1\n2\n~/m);
  // An escape that more follows at once is the start of a key's sequence.
  screen.type("j", "A", " and more", "Escape");
  await screen.shows(/^2 and more$[\s\S]*^- /m);
  screen.type("o", "three", "Escape");
  await screen.shows(/^three$[\s\S]*^- /m);
  screen.type(":wq", "Enter");
  await screen.shows(/^1\n2 and more\nthree\nstatus 0$/m);
});
