import type { Task } from "../process.ts";
import type { SyscallResult } from "../result.ts";
import * as attributes from "./attributes.ts";
import * as clone from "./clone.ts";
import * as descriptors from "./descriptors.ts";
import * as early from "./early.ts";
import * as futex from "./futex.ts";
import * as ids from "./ids.ts";
import * as locks from "./locks.ts";
import * as memory from "./memory.ts";
import * as message from "./message.ts";
import * as notices from "./notices.ts";
import * as paths from "./paths.ts";
import * as pidfd from "./pidfd.ts";
import * as poll from "./poll.ts";
import * as process from "./process.ts";
import * as signal from "./signal.ts";
import * as socket from "./socket.ts";
import * as socketOptions from "./socket-options.ts";
import * as terminal from "./terminal.ts";
import * as time from "./time.ts";
import * as timers from "./timers.ts";
import * as transfer from "./transfer.ts";
import * as wait from "./wait.ts";

/** A kernel call. The arguments are those of the rulebook row that names it, decoded by their types. */
export type Handler = (task: Task, ...args: never[]) => SyscallResult;

const modules = [
  attributes,
  clone,
  descriptors,
  early,
  futex,
  ids,
  locks,
  memory,
  message,
  notices,
  paths,
  pidfd,
  poll,
  process,
  signal,
  socket,
  socketOptions,
  terminal,
  time,
  timers,
  transfer,
  wait,
];

/** Every kernel call by the name that rulebook rows use. */
export const handlers: ReadonlyMap<string, Handler> = new Map(
  modules.flatMap((module) =>
    Object.entries(module).filter((entry): entry is [string, Handler] => typeof entry[1] === "function"),
  ),
);
