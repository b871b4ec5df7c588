import { type Case, compare, script } from "./compare.ts";

const program = (name: string, path: string, args: readonly string[], more: Partial<Case> = {}): Case => ({
  name,
  run: [`/usr/bin/${path}`, ...args],
  ...more,
});
const python = (name: string, script: string) =>
  program(`python3: ${name}`, "python3", ["-c", script], {
    env: { PYTHONHASHSEED: "0", PYTHONDONTWRITEBYTECODE: "1" },
  });

const CASES: readonly Case[] = [
  python(
    "numbers",
    "import math, fractions; print(2**200, math.factorial(40), fractions.Fraction(1, 3) + fractions.Fraction(1, 6), round(2.675, 2), math.sqrt(2), divmod(-7, 2), 0.1 + 0.2)",
  ),
  python(
    "text and hashes",
    "import hashlib, json, re; print(hashlib.sha256(b'guest').hexdigest(), json.dumps({'a': [1, 2.5, None]}), re.findall(r'(\\w)=(\\d+)', 'a=1 b=22'), 'ñ'.encode())",
  ),
  python("an error", "import sys; sys.stdout.write('before\\n'); sys.exit(3)"),
  program("perl: text", "perl", [
    "-e",
    'my %n; while (<>) { $n{$_}++ for split } print map { "$_ $n{$_}\\n" } sort keys %n',
    "/data/text.txt",
  ]),
  program("perl: numbers", "perl", [
    "-e",
    'printf "%s %.10f %d %x\\n", 10 / 3, sqrt 2, 2 ** 40, 255; print join(\',\', map { $_ ** 2 } grep { $_ % 2 } 1 .. 9), "\\n"',
  ]),
  program("bash: arithmetic and arrays", "bash", [], { stdin: script("arrays.bash") }),
  program("dash", "dash", ["-c", "set -- a b c; for x; do echo $x; done; trap 'echo leaving' EXIT; exit 4"]),
  program("gawk", "gawk", [
    "-F,",
    'NR > 1 { s[$2] += $3 } END { n = asorti(s, k); for (i = 1; i <= n; i++) printf "%s %.2f\\n", k[i], s[k[i]]; print strftime("%Y", 0, 1), gensub(/a(.)/, "<\\\\1>", "g", "abac") }',
    "/data/table.csv",
  ]),
  program("sqlite3", "sqlite3", [
    ":memory:",
    "create table t(a integer, b text); with recursive n(x) as (select 1 union all select x + 1 from n where x < 500) insert into t select x * 37 % 101, 'row ' || x from n; create index i on t(a); select a, count(*), max(b) from t group by a order by 2 desc, 1 limit 5; select sum(a) * 1.0 / count(*), hex('abc'), printf('%.6f', 1.0 / 3) from t;",
  ]),
  program("jq", "jq", [
    "-S",
    "{ sum: [.rows[].half] | add, words: [.rows[] | select(.i % 3 == 0) | .word], deep: .nested | [.. | numbers] }",
    "/data/data.json",
  ]),
  program("bc", "bc", ["-l"], {
    stdin: "scale=50; e(1); s(0.5); 2^300 % 1000007\ndefine f(n) { if (n < 2) return 1; return n * f(n - 1) }\nf(30)\n",
  }),
  program("dc", "dc", ["-e", "30 k 2 v p 16 o 255 p"]),
  program("sed", "sed", ["-E", "s/(\\w+) (\\w+)/\\2 \\1/;5q", "/data/text.txt"]),
  program("grep", "grep", ["-nE", "-o", "r[a-z]*e( |$)", "/data/text.txt"]),
  program("find", "find", ["/data/tree", "-printf", "%p %s %m %T@ %y\\n"], { unordered: true }),
  program("diff", "diff", ["/data/text.txt", "/data/other.txt"]),
  program("gzip", "gzip", ["-9", "-c", "-n", "/data/random.bin"]),
  program("bzip2", "bzip2", ["-c"], { stdin: "memory ".repeat(3000) }),
  program("xz", "xz", ["-T1", "-c"], { stdin: "policy ".repeat(3000) }),
  program("zstd", "zstd", ["-q", "-c", "--single-thread", "--no-asyncio"], { stdin: "audit ".repeat(3000) }),
  program("tar", "tar", [
    "-cf",
    "-",
    "--owner=0",
    "--group=0",
    "-C",
    "/data/tree",
    "one.txt",
    "link",
    "script.sh",
    "deep/er/est/file",
  ]),
  program("file", "file", ["/data/text.gz", "/data/text.txt", "/usr/bin/busybox"]),
];

compare("others", CASES);
