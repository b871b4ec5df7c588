import { AddressSpace } from "../address-space.ts";
import { Epoll } from "../epoll.ts";
import { Description, FdTable } from "../files.ts";
import { StreamHandle } from "../fs/dev.ts";
import { ProcHandle, Reopened } from "../fs/generated.ts";
import { HostInode } from "../fs/host.ts";
import { DirHandle, LowerSpecial, MemoryDir, MemoryFile, MemoryFs, MemoryHandle, MemoryLink } from "../fs/memory.ts";
import { PathOnly } from "../fs/path-only.ts";
import { HostTtyNode, PtmxNode, PtsFolder, PtsNode, PtyMaster, TtyHandle } from "../fs/pty.ts";
import { BothEnds, MemoryFifo, MemorySocket } from "../fs/special.ts";
import { HostTty, StreamSink } from "../host-tty.ts";
import { Locks } from "../locks.ts";
import { Network } from "../net/network.ts";
import { ReceiveQueue } from "../net/queue.ts";
import { Socket } from "../net/socket.ts";
import { Inotify, Notices } from "../notices.ts";
import { PidFile } from "../pidfd.ts";
import { EventCounter, Pipe, PipeEnd } from "../pipe.ts";
import { Process, Task } from "../process.ts";
import { SharedPages } from "../shared.ts";
import { SignalFile, TimerFile } from "../timer-files.ts";
import { Alarm, ProcessTimer, Timer, Timers } from "../timers.ts";
import { Tty } from "../tty.ts";
import type { Constructor } from "./graph.ts";

/** What a sandbox is made of, by the names that snapshots use. */
export const CLASSES: Readonly<Record<string, Constructor>> = {
  ...{ Process, Task, AddressSpace, SharedPages, Description, FdTable },
  ...{ MemoryFs, MemoryDir, MemoryFile, MemoryLink, LowerSpecial, MemoryFifo, MemorySocket, MemoryHandle, DirHandle },
  ...{ HostInode, PathOnly, StreamHandle, ProcHandle, Reopened },
  ...{ Tty, HostTty, StreamSink, TtyHandle, PtyMaster, PtsFolder, PtsNode, PtmxNode, HostTtyNode },
  ...{ Pipe, PipeEnd, BothEnds, EventCounter, Epoll, Inotify, Notices, PidFile },
  ...{ Timer, Timers, Alarm, ProcessTimer, TimerFile, SignalFile },
  ...{ Network, Socket, ReceiveQueue, Locks },
};
