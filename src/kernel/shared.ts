import { BIAS, PAGE_SIZE } from "../memory/layout.ts";
import type { AddressSpace, Region } from "./address-space.ts";
import type { Description } from "./files.ts";
import type { Futexes } from "./futex.ts";

/*
 * Memory that processes share (MAP_SHARED). Each process has a wasm memory of its own, so the pages are kept alike: one
 * process runs at a time, and when another takes over, what the first changed goes to the pages here and from there to
 * the other. A page that only one process maps costs nothing.
 */

/** Words of a page. */
const WORDS = PAGE_SIZE / 4;

interface Page {
  readonly words: Int32Array;
  /** SharedPages.version when it last changed. */
  version: number;
}

/** What is mapped: anonymous memory, or a file. */
export class SharedPages {
  /** Tasks of any process that wait on a word of it, by offset. */
  readonly futexes: Futexes = new Map();
  /** Who maps it. */
  readonly spaces = new Set<AddressSpace>();
  /** Goes up with each change. */
  version = 0;
  private readonly pages = new Map<number, Page>();
  /** Where it is found while somebody maps it: the pages of a file. */
  private readonly listed: { readonly all: Map<string, SharedPages>; readonly key: string } | null;

  constructor(all?: Map<string, SharedPages>, key = "") {
    this.listed = all ? { all, key } : null;
    all?.set(key, this);
  }

  page(index: number): Page | undefined {
    return this.pages.get(index);
  }
  put(index: number, words: Int32Array): void {
    this.version++;
    const page = this.pages.get(index);
    if (!page) {
      this.pages.set(index, { words: words.slice(), version: this.version });
      return;
    }
    page.words.set(words);
    page.version = this.version;
  }
  /** The file's bytes of a range are other ones now. */
  reload(file: Description, from: number, to: number): void {
    const words = new Int32Array(WORDS);
    const bytes = new Uint8Array(words.buffer);
    for (let index = Math.floor(from / PAGE_SIZE); index * PAGE_SIZE < to; index++) {
      const n = file.handle.read(bytes, index * PAGE_SIZE);
      bytes.fill(0, Math.max(0, n));
      this.put(index, words);
    }
  }
  leave(space: AddressSpace): void {
    this.spaces.delete(space);
    if (this.spaces.size === 0) this.listed?.all.delete(this.listed.key);
  }
}

const WINDOW = new Int32Array(WORDS);

/** Guest words of the page at `address`, a live view. */
function wordsAt(space: AddressSpace, address: number): Int32Array {
  const { buffer } = space.memory.wasm;
  const at = address - BIAS;
  if (at + PAGE_SIZE > buffer.byteLength) return WINDOW.fill(0);
  return new Int32Array(buffer, at, WORDS);
}

function same(a: Int32Array, b: Int32Array): boolean {
  for (let i = 0; i < WORDS; i += 4)
    if (a[i] !== b[i] || a[i + 1] !== b[i + 1] || a[i + 2] !== b[i + 2] || a[i + 3] !== b[i + 3]) return false;
  return true;
}

/** What a space changed in a region goes to the shared pages. `all`: also where nobody else has a copy yet. */
export function flushRegion(space: AddressSpace, region: Region, all: boolean): void {
  const { object } = region;
  if (!object || (!all && object.spaces.size < 2)) return;
  for (let at = region.start; at < region.end; at += PAGE_SIZE) {
    const index = (region.offset + at - region.start) / PAGE_SIZE;
    const words = wordsAt(space, at);
    const page = object.page(index);
    if (page && same(page.words, words)) continue;
    // Newer from elsewhere and untouched here: not this space's change.
    if (page && !(region.prot & 2)) continue;
    object.put(index, words);
    writeFile(region, at, words);
  }
  space.seen.set(object, object.version);
}

function writeFile(region: Region, at: number, words: Int32Array): void {
  const { file } = region;
  if (!file?.writable) return;
  const offset = region.offset + at - region.start;
  const size = Math.min(PAGE_SIZE, file.handle.stat().size - offset);
  if (size <= 0) return;
  const bytes = new Uint8Array(words.buffer, words.byteOffset, size).slice();
  const before = new Uint8Array(size);
  if (file.readable && file.handle.read(before, offset) === size && before.every((byte, i) => byte === bytes[i]))
    return;
  file.handle.write(bytes, offset);
}

/** A space stops running: its changes go to who shares them. */
export function flush(space: AddressSpace): void {
  for (const region of space.all()) if (region.object) flushRegion(space, region, false);
}

/** Before somebody else maps `object`, or reads the file behind it: what its only user wrote so far. */
export function publish(object: SharedPages): void {
  for (const space of object.spaces)
    for (const region of space.all()) if (region.object === object) flushRegion(space, region, true);
}

/** A space begins to run: it gets what others changed. */
export function pull(space: AddressSpace): void {
  for (const region of space.all()) {
    const { object } = region;
    if (!object || space.seen.get(object) === object.version) continue;
    pullRegion(space, region, object);
  }
  for (const region of space.all()) if (region.object) space.seen.set(region.object, region.object.version);
}

function pullRegion(space: AddressSpace, region: Region, object: SharedPages): void {
  const seen = space.seen.get(object) ?? -1;
  for (let at = region.start; at < region.end; at += PAGE_SIZE) {
    const page = object.page((region.offset + at - region.start) / PAGE_SIZE);
    if (!page || page.version <= seen) continue;
    space.memory.poke(at, new Uint8Array(page.words.buffer));
  }
}

/** A new mapping of `object` is in place, filled from its file: what is newer than that comes in. */
export function join(space: AddressSpace, region: Region): void {
  const { object } = region;
  if (!object) return;
  object.spaces.add(space);
  if (!space.seen.has(object)) space.seen.set(object, object.version);
  for (let at = region.start; at < region.end; at += PAGE_SIZE) {
    const page = object.page((region.offset + at - region.start) / PAGE_SIZE);
    if (page) space.memory.poke(at, new Uint8Array(page.words.buffer));
  }
}
