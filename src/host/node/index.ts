import fs from "node:fs";
import type { RealHost } from "../host.ts";
import { posix } from "./errors.ts";
import { nodeFs } from "./fs.ts";
import { NodeNet } from "./net.ts";
import { NodeStream } from "./stream.ts";
import { cpuTime, realtime, sleep } from "./time.ts";

/** The whole host, unguarded: wrap it with `guard` before a guest sees it. */
export function nodeHost(): RealHost {
  const net = new NodeNet();
  return {
    net,
    fs: nodeFs,
    stdin: new NodeStream(0),
    stdout: new NodeStream(1),
    stderr: new NodeStream(2),
    realtime,
    monotonic: () => process.hrtime.bigint(),
    cpuTime,
    random,
    sleep: (milliseconds) => (net.used ? net.sleep(milliseconds) : sleep(milliseconds)),
    env: definedOnly(process.env),
    cwd: posix(() => process.cwd()),
    get hostname() {
      return process.getBuiltinModule("node:os").hostname();
    },
  };
}

let urandom: number | null | undefined;

/** The system's generator: by its device where there is one (60 times as fast to start as node:crypto). */
function random(into: Uint8Array): void {
  if (urandom === undefined) {
    try {
      urandom = fs.openSync("/dev/urandom", "r");
    } catch {
      urandom = null;
    }
  }
  if (urandom === null) {
    process.getBuiltinModule("node:crypto").randomFillSync(into);
    return;
  }
  const device = urandom;
  for (let at = 0; at < into.length; ) at += posix(() => fs.readSync(device, into, at, into.length - at, null));
}

function definedOnly(env: NodeJS.ProcessEnv): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value !== undefined) out[name] = value;
  return out;
}
