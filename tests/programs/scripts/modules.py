# Modules whose C parts are integer, floating-point and text work: the same output everywhere.
import binascii, bisect, collections, datetime, decimal, fractions, functools, hashlib, heapq, itertools, json, math
import random, re, statistics, struct, textwrap, unicodedata, zlib

decimal.getcontext().prec = 60
print(decimal.Decimal(2).sqrt(), (decimal.Decimal(1) / 7).quantize(decimal.Decimal("1e-30")), decimal.Decimal("1e-3").ln())
print(json.loads('{"a": [1, 2.5e10, null, true], "b": "\\u00e9"}'), json.dumps({"k": [0.1, 1e300, -0.0]}, indent=1))
for name in ("md5", "sha1", "sha256", "sha3_256", "sha512", "blake2b"):
    print(name, hashlib.new(name, b"guest" * 1000).hexdigest())
print(hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", 500).hex())
print(re.sub(r"(?P<w>\b\w{3}\b)", lambda m: m["w"].upper(), "the cat and a long dog"), re.findall(r"(?i)[aeiou]{2,}", "Queue AEIOU beautiful"))
print(struct.pack("<bHiqfd", -1, 65535, -2, 1 << 40, 1.5, math.pi).hex(), struct.unpack(">2h3sQ", bytes(range(15))))
print(zlib.crc32(b"abc" * 999), zlib.decompress(zlib.compress(b"row" * 5000, 9))[:9], binascii.b2a_base64(b"\x00\xff" * 9))
random.seed(20)
print([random.randrange(1000) for _ in range(8)], random.gauss(0, 1), random.sample(range(50), 5))
print([f(0.37) for f in (math.sin, math.cos, math.tan, math.exp, math.log, math.atan, math.sinh, math.erf, math.gamma, math.lgamma)])
print(math.fsum([0.1] * 10), math.hypot(3, 4), math.isqrt(10**40), math.comb(100, 50), pow(3, 10**6, 10**9 + 7))
print(statistics.stdev([1.5, 2.5, 4.0]), fractions.Fraction("0.125") ** 3, round(-2.5), 7.1 // 0.7, -7 % 3, divmod(10**30, -7))
print(datetime.datetime(2024, 2, 29, 12) + datetime.timedelta(days=365, microseconds=5), datetime.date(2000, 1, 1).isocalendar())
print(unicodedata.normalize("NFD", "é").encode(), "straße".upper(), "İ".lower().encode(), "ﬁ".casefold())
print(collections.Counter("mississippi").most_common(2), heapq.nsmallest(3, [5, 1, 4, 2]), bisect.bisect([1, 3, 5], 3))
print(functools.reduce(lambda a, b: a * b, range(1, 30)), list(itertools.islice(itertools.permutations("abc"), 4)))
print(textwrap.fill("A row of a rulebook says what an instruction does, and evidence says why we believe it.", 30))
print(float("1e-320"), 5e-324 / 2, 1.7976931348623157e308 * 2, float.fromhex("0x1.8p-1070"), (0.1).as_integer_ratio(), repr(2**0.5))
print(sorted({hash(x) for x in (1, 2.5, 10**20, -1, 0.1)}), int("z" * 20, 36), f"{1234567.891:,.2f} {255:#x} {-5:+d} {1e-7:g} {3:08.3f}")


def primes(n):
    sieve = bytearray([1]) * n
    for i in range(2, int(n**0.5) + 1):
        if sieve[i]:
            sieve[i * i :: i] = bytes(len(range(i * i, n, i)))
    return sum(sieve[2:])


print(primes(20000))
try:
    [].pop()
except IndexError as error:
    print(type(error).__name__, error)
