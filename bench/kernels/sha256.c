// Hashing: SHA-256 (FIPS 180-4) of a block that is fed its own digests.
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#define BYTES (1 << 16)
#define ROUNDS 2000

static uint32_t table[64];

static uint32_t right(uint32_t x, int by) { return x >> by | x << (32 - by); }

// The constants are the first 32 bits of the fractional parts of the cube roots of the first 64 primes.
static void make_table(void) {
  int made = 0;
  for (int p = 2; made < 64; p++) {
    int prime = 1;
    for (int d = 2; d * d <= p; d++) prime &= p % d != 0;
    if (!prime) continue;
    unsigned __int128 root = 0, cube = (unsigned __int128)p << 96;
    for (int bit = 35; bit >= 0; bit--) {
      unsigned __int128 tried = root | (unsigned __int128)1 << bit;
      if (tried * tried * tried <= cube) root = tried;
    }
    table[made++] = (uint32_t)root;
  }
}

static void block(uint32_t state[8], const uint8_t *bytes) {
  uint32_t w[64];
  for (int i = 0; i < 16; i++, bytes += 4)
    w[i] = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
  for (int i = 16; i < 64; i++) {
    uint32_t s0 = right(w[i - 15], 7) ^ right(w[i - 15], 18) ^ w[i - 15] >> 3;
    uint32_t s1 = right(w[i - 2], 17) ^ right(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
  for (int i = 0; i < 64; i++) {
    uint32_t t1 = h + (right(e, 6) ^ right(e, 11) ^ right(e, 25)) + ((e & f) ^ (~e & g)) + table[i] + w[i];
    uint32_t t2 = (right(a, 2) ^ right(a, 13) ^ right(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d;
  state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

// `size` is a multiple of 64.
static void sha256(const uint8_t *bytes, uint32_t size, uint8_t digest[32]) {
  static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint32_t state[8];
  uint8_t last[64] = {0x80};
  memcpy(state, start, sizeof state);
  for (uint32_t at = 0; at < size; at += 64) block(state, bytes + at);
  uint64_t bits = (uint64_t)size * 8;
  for (int i = 0; i < 8; i++) last[63 - i] = (uint8_t)(bits >> 8 * i);
  block(state, last);
  for (int i = 0; i < 32; i++) digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}

int main(void) {
  static uint8_t bytes[BYTES];
  uint8_t digest[32];
  make_table();
  if (table[0] != 0x428a2f98 || table[63] != 0xc67178f2) return 1;
  for (int i = 0; i < ROUNDS; i++) {
    sha256(bytes, BYTES, digest);
    memcpy(bytes + i % (BYTES / 32) * 32, digest, 32);
  }
  for (int i = 0; i < 32; i++) printf("%02x", digest[i]);
  printf("\n");
  return 0;
}
