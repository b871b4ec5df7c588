// Compression: an LZ77 coder with hash chains over made-up text, and its decoder; the round trip must give the text back.
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#define SIZE (1 << 20)
#define WINDOW 32768
#define ROUNDS 20

static uint8_t text[SIZE], packed[SIZE * 2], unpacked[SIZE];
static int32_t head[1 << 15], previous[WINDOW];

static uint32_t state = 99;
static uint32_t next(uint32_t below) {
  state = state * 1664525 + 1013904223;
  return (state >> 8) % below;
}

static void write_text(void) {
  static const char *const words[] = {"the ", "guest ", "memory ", "of ", "a ", "rule", "book ", "and ", "row", "s. ", "is ", "in "};
  for (uint32_t at = 0; at < SIZE;) {
    const char *word = words[next(12)];
    if (next(9) == 0) text[at++] = (uint8_t)('a' + next(26));
    while (*word && at < SIZE) text[at++] = (uint8_t)*word++;
  }
}

static uint32_t hash(const uint8_t *at) { return ((at[0] << 10 ^ at[1] << 5 ^ at[2]) * 2654435761u) >> 17; }

static uint32_t pack(void) {
  uint8_t *out = packed;
  memset(head, -1, sizeof head);
  for (int32_t at = 0; at < SIZE;) {
    int32_t best = 0, from = 0;
    if (at + 258 < SIZE) {
      int32_t tries = 24;
      for (int32_t with = head[hash(text + at)]; with >= 0 && at - with < WINDOW && tries--; with = previous[with % WINDOW]) {
        int32_t same = 0;
        while (same < 255 && text[with + same] == text[at + same]) same++;
        if (same > best) best = same, from = with;
      }
    }
    int32_t step = best >= 4 ? best : 1;
    if (best >= 4) {
      *out++ = 1, *out++ = (uint8_t)best, *out++ = (uint8_t)(at - from), *out++ = (uint8_t)((at - from) >> 8);
    } else {
      *out++ = 0, *out++ = text[at];
    }
    for (; step-- && at + 3 <= SIZE; at++) {
      uint32_t slot = hash(text + at);
      previous[at % WINDOW] = head[slot];
      head[slot] = at;
    }
    if (at + 3 > SIZE) {
      for (; at < SIZE; at++) *out++ = 0, *out++ = text[at];
    }
  }
  return (uint32_t)(out - packed);
}

static uint32_t unpack(uint32_t size) {
  uint8_t *out = unpacked;
  for (const uint8_t *in = packed; in < packed + size;) {
    if (*in++ == 0) {
      *out++ = *in++;
      continue;
    }
    uint32_t count = in[0], back = in[1] | in[2] << 8;
    in += 3;
    for (; count--; out++) *out = out[-(int32_t)back];
  }
  return (uint32_t)(out - unpacked);
}

int main(void) {
  uint32_t sum = 0;
  write_text();
  for (int i = 0; i < ROUNDS; i++) {
    uint32_t size = pack();
    if (unpack(size) != SIZE || memcmp(text, unpacked, SIZE) != 0) return 1;
    sum = sum * 31 + size;
    text[next(SIZE)] ^= 1;
  }
  printf("%u\n", sum);
  return 0;
}
