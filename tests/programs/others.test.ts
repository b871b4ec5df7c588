import { type Case, compare, script } from "./compare.ts";

const program = (name: string, path: string, args: readonly string[], more: Partial<Case> = {}): Case => ({
  name,
  run: [`/usr/bin/${path}`, ...args],
  ...more,
});
/** One that starts others. */
const family = (name: string, path: string, args: readonly string[], more: Partial<Case> = {}): Case =>
  program(name, path, args, { ...more, processes: true });
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
  {
    ...program("python3: modules", "python3", ["-"], { stdin: script("modules.py"), limit: 300 }),
    env: { PYTHONHASHSEED: "0", PYTHONDONTWRITEBYTECODE: "1", PYTHONUTF8: "1" },
  },
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
  family("xz, there and back", "bash", [
    "-c",
    "xz -9 -T1 -c /data/random.bin | xz -dc | cmp - /data/random.bin && echo same",
  ]),
  family("zstd, there and back", "bash", [
    "-c",
    "zstd -q -19 -c --single-thread /data/table.csv | zstd -dc | cmp - /data/table.csv && echo same",
  ]),
  family("openssl dgst", "bash", [
    "-c",
    "for d in md5 sha1 sha256 sha512 sha3-256 blake2s256 sm3; do openssl dgst -$d /data/random.bin; done",
  ]),
  family("openssl enc", "bash", [
    "-c",
    "for c in aes-128-cbc aes-256-ctr chacha20 camellia-128-cbc; do openssl enc -$c -K 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f -iv 0f0e0d0c0b0a09080706050403020100 -in /data/text.txt 2>/dev/null | md5sum; done; openssl enc -aes-256-gcm 2>&1 | head -1",
  ]),
  family("openssl: big numbers", "bash", [
    "-c",
    "openssl prime 170141183460469231731687303715884105727; openssl ecparam -name prime256v1 -text -noout; echo 'SGVsbG8=' | openssl base64 -d; echo",
  ]),
  family("git, a history", "bash", ["-c", script("history.bash")], {
    env: {
      HOME: "/tmp",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_AUTHOR_DATE: "@1000000000 +0000",
      GIT_COMMITTER_DATE: "@1000000000 +0000",
    },
  }),
  family("make", "bash", [
    "-c",
    "cd $(mktemp -d) && printf 'all: a b\\n\\t@cat a b\\na:\\n\\t@echo A > a\\nb: a\\n\\t@tr A B < a > b\\n' > Makefile && make",
  ]),
  family("perl: pipes and signals", "perl", [
    "-e",
    '$SIG{USR1} = sub { print "caught\\n" }; $| = 1; kill USR1 => $$; open my $p, "-|", "sort", "-r", "/data/numbers.txt"; my @l = <$p>; print scalar @l, $l[0]; my $pid = fork // die; if (!$pid) { exit 7 } waitpid $pid, 0; print $? >> 8, "\\n"',
  ]),
  family("bash: pipelines, traps, jobs", "bash", [], { stdin: script("pipelines.bash") }),
  program("file", "file", ["/data/text.gz", "/data/text.txt", "/usr/bin/busybox"]),
];

compare("others", CASES);
