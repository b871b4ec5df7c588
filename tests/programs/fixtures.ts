// What guests find in /data: the same bytes and times on every machine.
import { chmodSync, lutimesSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const WORDS =
  "guest memory rule book page fault decode lift region fuel signal kernel audit policy rows bytes table".split(" ");

/** A small generator (xorshift32): the same numbers everywhere. */
export function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function text(lines: number): string {
  const next = numbers(7);
  const line = () => Array.from({ length: 3 + next(8) }, () => WORDS[next(WORDS.length)]).join(" ");
  return `${Array.from({ length: lines }, line).join("\n")}\n`;
}

function csv(lines: number): string {
  const next = numbers(11);
  const line = (_: unknown, i: number) =>
    `${i},${WORDS[next(WORDS.length)]},${next(100000) / 100},${next(2) ? "yes" : "no"}`;
  return `id,word,amount,flag\n${Array.from({ length: lines }, line).join("\n")}\n`;
}

function bytes(size: number): Uint8Array {
  const next = numbers(13);
  return Uint8Array.from({ length: size }, () => next(256));
}

const FILES: Record<string, string | Uint8Array> = {
  "text.txt": text(400),
  "text.gz": gzipSync(text(400)),
  "other.txt": text(390).replaceAll("fuel", "fire"),
  "table.csv": csv(300),
  "numbers.txt": `${Array.from({ length: 500 }, (_, i) => ((i * 7919) % 1009) - 300).join("\n")}\n`,
  "random.bin": bytes(70000),
  "empty.txt": "",
  "no-newline.txt": "first\nlast without an end",
  "data.json": JSON.stringify({
    rows: WORDS.map((word, i) => ({ word, i, half: i / 2 })),
    nested: { deep: [1, [2, [3]]] },
  }),
  "tree/one.txt": "1\n",
  "tree/a b/odd name.txt": "spaces\n",
  "tree/a b/.hidden": "dot\n",
  "tree/deep/er/est/file": "deep\n",
  "tree/script.sh": "#!/bin/sh\necho script\n",
};
const TIME = 1_000_000_000; // 2001-09-09

export function writeFixtures(root: string): void {
  const data = join(root, "data");
  rmSync(data, { recursive: true, force: true });
  const folders = new Set<string>([data]);
  for (const [name, content] of Object.entries(FILES)) {
    const parts = name.split("/").slice(0, -1);
    parts.forEach((_, i) => {
      folders.add(join(data, ...parts.slice(0, i + 1)));
    });
    mkdirSync(join(data, ...parts), { recursive: true });
    writeFileSync(join(data, name), content, { mode: 0o644 });
  }
  chmodSync(join(data, "tree/script.sh"), 0o755);
  chmodSync(join(data, "tree/one.txt"), 0o640);
  symlinkSync("one.txt", join(data, "tree/link"));
  symlinkSync("nowhere", join(data, "tree/broken"));
  const stamped = [...Object.keys(FILES), "tree/link", "tree/broken"].map((name) => join(data, name));
  stamped.forEach((path, i) => {
    lutimesSync(path, TIME, TIME + i * 60);
  });
  for (const folder of [...folders].sort().reverse()) {
    chmodSync(folder, 0o755);
    lutimesSync(folder, TIME, TIME);
  }
}
