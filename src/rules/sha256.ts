/** SHA-256 (FIPS 180-4) of a text's UTF-8 bytes, as hex digits. Small and synchronous; for names, not for bulk. */
export function sha256(text: string): string {
  const bytes = new TextEncoder().encode(text);
  const blocks = Math.ceil((bytes.length + 9) / 64);
  const padded = new Uint8Array(blocks * 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(bytes.length / 0x20000000));
  view.setUint32(padded.length - 4, (bytes.length << 3) >>> 0);
  const h = Int32Array.from(START);
  const w = new Int32Array(64);
  for (let at = 0; at < padded.length; at += 64) compress(h, w, view, at);
  return [...h].map((x) => (x >>> 0).toString(16).padStart(8, "0")).join("");
}

/** Fractional bits of the square and cube roots of the first primes (5.3.3, 4.2.2). */
const primes: number[] = [];
for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p !== 0)) primes.push(n);
const fraction = (x: number): number => Math.floor((x - Math.floor(x)) * 0x100000000) | 0;
const START = primes.slice(0, 8).map((p) => fraction(Math.sqrt(p)));
const ROUND = Int32Array.from(primes, (p) => cubeRoot(p));

/** Exact to the bit needed: Math.cbrt may err in the last place, so one step of integer correction. */
function cubeRoot(p: number): number {
  const target = BigInt(p) << 96n;
  let r = BigInt(Math.floor(Math.cbrt(p) * 0x100000000));
  while (r * r * r > target) r--;
  while ((r + 1n) ** 3n <= target) r++;
  return Number(BigInt.asIntN(32, r));
}

const turn = (x: number, k: number): number => (x >>> k) | (x << (32 - k));

function compress(h: Int32Array, w: Int32Array, view: DataView, at: number): void {
  for (let i = 0; i < 16; i++) w[i] = view.getInt32(at + i * 4);
  for (let i = 16; i < 64; i++) {
    const a = w[i - 15];
    const b = w[i - 2];
    const s0 = turn(a, 7) ^ turn(a, 18) ^ (a >>> 3);
    const s1 = turn(b, 17) ^ turn(b, 19) ^ (b >>> 10);
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  let [a, b, c, d, e, f, g, k] = h;
  for (let i = 0; i < 64; i++) {
    const t1 = (k + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + ROUND[i] + w[i]) | 0;
    const t2 = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    k = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  [a, b, c, d, e, f, g, k].forEach((x, i) => {
    h[i] += x;
  });
}
