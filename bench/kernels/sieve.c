// A sieve over bits, and modular powers (Fermat's test) of what it leaves.
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#define LIMIT 4000000
#define ROUNDS 40

static uint32_t sum, composite[LIMIT / 64 + 1];

static uint64_t power(uint64_t base, uint64_t exponent, uint64_t modulus) {
  uint64_t result = 1;
  for (; exponent; exponent >>= 1, base = base * base % modulus)
    if (exponent & 1) result = result * base % modulus;
  return result;
}

static int sieve(void) {
  uint32_t count = 1, fermat = 0;
  memset(composite, 0, sizeof composite);
  for (uint32_t i = 3; i < LIMIT; i += 2) {
    if (composite[i / 64] >> (i / 2 % 32) & 1) continue;
    count++;
    for (uint64_t multiple = (uint64_t)i * i; multiple < LIMIT; multiple += 2 * i)
      composite[multiple / 64] |= 1u << (multiple / 2 % 32);
    if (count % 8 == 0) fermat += power(2, i - 1, i) == 1;
  }
  sum = sum * 31 + count + fermat;
  return count != 283146 || fermat != count / 8;
}

int main(void) {
  for (int round = 0; round < ROUNDS; round++)
    if (sieve()) return 1;
  printf("%u\n", sum);
  return 0;
}
