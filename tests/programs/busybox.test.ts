import { type Case, compare, script } from "./compare.ts";

const TEXT = "/data/text.txt";
const box = (...args: string[]) => ["/usr/bin/busybox", ...args];
const sh = (script: string, ...args: string[]) => box("sh", "-c", script, "sh", ...args);

const CASES: readonly Case[] = [
  { name: "echo", run: box("echo", "-e", "a\\tb\\x41") },
  { name: "false", run: box("false") },
  { name: "no such applet", run: box("nothing"), stderr: true },
  { name: "cat", run: box("cat", TEXT, "/data/random.bin") },
  { name: "cat, missing file", run: box("cat", "/data/nowhere", "/data/tree/one.txt"), stderr: true },
  { name: "cat, standard input", run: box("cat", "-n"), stdin: "one\ntwo\n" },
  {
    name: "awk, word counts",
    run: box("awk", '{ for (i = 1; i <= NF; i++) n[$i]++ } END { for (w in n) s += n[w]; print s, n["rule"] }', TEXT),
  },
  {
    name: "awk, floats",
    run: box(
      "awk",
      "-F,",
      'NR > 1 { sum += $3; if ($3 > max) max = $3 } END { printf "%.4f %g %e\\n", sum, max, sum / NR }',
      "/data/table.csv",
    ),
  },
  {
    name: "awk, functions",
    run: box(
      "awk",
      'function f(n) { return n < 2 ? n : f(n - 1) + f(n - 2) } BEGIN { print f(18), int(-3.7), 2 ^ 10, 7 % 3, toupper("abc"), substr("guest", 2, 3) }',
    ),
  },
  { name: "sed", run: box("sed", "-n", "-e", "s/\\([a-z]*\\) memory/<\\1>/gp", "-e", "$=", TEXT) },
  { name: "sed, addresses", run: box("sed", "10,20d;/fault/{h;G};y/abc/ABC/", TEXT) },
  { name: "sort", run: box("sort", TEXT) },
  { name: "sort, numbers, unique", run: box("sort", "-n", "-u", "-r", "/data/numbers.txt") },
  { name: "sort, by key", run: box("sort", "-t,", "-k2,2", "-k3,3n", "/data/table.csv") },
  { name: "uniq", run: box("uniq", "-c"), stdin: "a\na\nb\na\n" },
  { name: "md5sum", run: box("md5sum", "/data/random.bin", TEXT) },
  { name: "sha1sum", run: box("sha1sum", "/data/random.bin", "/data/empty.txt") },
  { name: "sha256sum", run: box("sha256sum", "/data/random.bin", TEXT) },
  { name: "sha512sum", run: box("sha512sum", "/data/random.bin") },
  { name: "sha3sum", run: box("sha3sum", "/data/random.bin") },
  { name: "gzip", run: box("gzip", "-c", "-n"), stdin: "the guest, the guest, the guest\n".repeat(300) },
  { name: "gunzip", run: box("gunzip", "-c", "/data/text.gz") },
  { name: "gunzip, damaged", run: box("gunzip", "-c"), stdin: "\x1f\x8b\x08 not a gzip file", stderr: true },
  { name: "bzip2", run: box("bzip2", "-c"), stdin: "rules are data; ".repeat(500) },
  {
    name: "tar, create",
    run: box("tar", "-c", "-f", "-", "-C", "/data/tree", "one.txt", "link", "script.sh", "a b/odd name.txt"),
  },
  { name: "tar, list", run: box("tar", "-t", "-v", "-f", "-"), stdin: archive() },
  { name: "find", unordered: true, run: box("find", "/data/tree", "-name", "*.txt", "-o", "-type", "d") },
  { name: "find, sizes", unordered: true, run: box("find", "/data", "-type", "f", "-size", "+10k") },
  { name: "dc", run: box("dc"), stdin: "2 100 ^ p 20 k 2 v p 7 3 % p [la 1 + d sa p 5 >x] sx 0 sa lx x\n" },
  { name: "bc", run: box("bc", "-l"), stdin: "scale=40\n4*a(1)\n2^200\nfor (i=0;i<5;i++) i*i\n" },
  {
    name: "sh, arithmetic",
    run: sh(
      "i=0; s=0; while [ $i -lt 2000 ]; do i=$((i + 1)); s=$((s + i * i % 7)); done; echo $s $((1 << 40)) $((-7 / 2)) $((0x7fffffff * 3))",
    ),
  },
  { name: "sh, functions and case", run: box("sh"), stdin: script("functions.sh") },
  {
    name: "sh, reading and redirection",
    run: sh(
      'while read a b; do echo "$b $a"; done < /data/table.csv; echo kept > /tmp/file; read x < /tmp/file; echo [$x]; exit 7',
    ),
  },
  { name: "sh, syntax error", run: sh("echo one; if then"), stderr: true },
  { name: "cut", run: box("cut", "-d,", "-f2,4", "/data/table.csv") },
  { name: "tr", run: box("tr", "a-z", "A-Z"), stdin: "some text\n" },
  { name: "od", run: box("od", "-A", "x", "-t", "x1", "-N", "300", "/data/random.bin") },
  { name: "od, floats", run: box("od", "-t", "f8", "-N", "256", "/data/random.bin") },
  { name: "hexdump", run: box("hexdump", "-C", "/data/no-newline.txt") },
  { name: "diff", run: box("diff", "-u", TEXT, "/data/other.txt") },
  { name: "grep", run: box("grep", "-n", "-E", "^(page|rule).*signal$", TEXT) },
  { name: "head and count", run: box("wc", TEXT, "/data/random.bin", "/data/empty.txt") },
  { name: "tail", run: box("tail", "-n", "5", TEXT) },
  { name: "rev", run: box("rev", "/data/no-newline.txt") },
  { name: "expr", run: box("expr", "guest memory", ":", "\\([a-z]*\\)") },
  { name: "factor", run: box("factor", "1234567890", "999999000001") },
  { name: "seq", run: box("seq", "-w", "1", "3", "40") },
  { name: "printf", run: box("printf", "%05d|%-8s|%x|%.3f\\n", "42", "abc", "255", "3.14159") },
  { name: "base64", run: box("base64", "/data/random.bin") },
  { name: "uuencode", run: box("uuencode", "-m", "/data/no-newline.txt", "name") },
  { name: "ls", run: box("ls", "-l", "-a", "-n", "--full-time", "/data/tree") },
  {
    name: "stat",
    run: box("stat", "-c", "%n %s %a %F %h %Y", "/data/tree/script.sh", "/data/tree/link", "/data/tree"),
  },
  { name: "readlink", run: box("readlink", "-f", "/data/tree/link") },
  { name: "date", run: box("date", "-u", "-d", "@1234567890", "+%Y-%m-%d %H:%M:%S %j %A") },
  { name: "cal", run: box("cal", "2", "2024") },
  { name: "env", unordered: true, run: box("env"), env: { GUEST: "yes", EMPTY: "" } },
  {
    name: "mkdir, mv, ls on tmp",
    run: sh(
      "umask 022; echo text > /tmp/one; [ -f /tmp/one ] && echo there; [ -d /tmp/one ] || echo no folder; cd /tmp; pwd",
    ),
  },
];

// One file in the old tar format: name, mode, owner, size, time, checksum, type.
function archive(): Uint8Array {
  const content = "packed\n";
  const field = (value: number, size: number) => `${value.toString(8).padStart(size - 1, "0")}\0`;
  const start = `${"folder/packed.txt".padEnd(100, "\0")}${field(0o644, 8)}${field(0, 8)}${field(0, 8)}${field(content.length, 12)}${field(1e9, 12)}`;
  const rest = `0${"\0".repeat(100)}ustar\0${"00"}${"root".padEnd(32, "\0")}${"root".padEnd(32, "\0")}`;
  const sum = [...`${start}        ${rest}`].reduce((total, c) => total + c.charCodeAt(0), 0);
  const header = `${start}${sum.toString(8).padStart(6, "0")}\0 ${rest}`.padEnd(512, "\0");
  return Buffer.from(`${header}${content.padEnd(512, "\0")}${"\0".repeat(1024)}`, "latin1");
}

compare("busybox", CASES);
