// Sorting: quicksort, heap sort and the library's qsort over the same pseudo-random numbers must agree.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define COUNT 200000
#define ROUNDS 9

static uint32_t source[COUNT], first[COUNT], second[COUNT], third[COUNT];

static void swap(uint32_t *a, uint32_t *b) {
  uint32_t kept = *a;
  *a = *b;
  *b = kept;
}

static void quick(uint32_t *a, int32_t low, int32_t high) {
  while (low < high) {
    uint32_t pivot = a[low + (high - low) / 2];
    int32_t i = low - 1, j = high + 1;
    for (;;) {
      do i++; while (a[i] < pivot);
      do j--; while (a[j] > pivot);
      if (i >= j) break;
      swap(&a[i], &a[j]);
    }
    quick(a, low, j);
    low = j + 1;
  }
}

static void sift(uint32_t *a, int32_t root, int32_t end) {
  for (int32_t child; (child = 2 * root + 1) < end; root = child) {
    if (child + 1 < end && a[child] < a[child + 1]) child++;
    if (a[root] >= a[child]) return;
    swap(&a[root], &a[child]);
  }
}

static void heap(uint32_t *a, int32_t count) {
  for (int32_t i = count / 2 - 1; i >= 0; i--) sift(a, i, count);
  for (int32_t end = count - 1; end > 0; end--) {
    swap(&a[0], &a[end]);
    sift(a, 0, end);
  }
}

static int compare(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

int main(void) {
  uint32_t state = 12345, sum = 0;
  for (int round = 0; round < ROUNDS; round++) {
    for (int i = 0; i < COUNT; i++) {
      state ^= state << 13, state ^= state >> 17, state ^= state << 5;
      source[i] = state;
    }
    memcpy(first, source, sizeof source);
    memcpy(second, source, sizeof source);
    memcpy(third, source, sizeof source);
    quick(first, 0, COUNT - 1);
    heap(second, COUNT);
    qsort(third, COUNT, sizeof *third, compare);
    for (int i = 0; i < COUNT; i++) sum = sum * 31 + first[i];
    if (memcmp(first, second, sizeof first) != 0 || memcmp(first, third, sizeof first) != 0) return 1;
  }
  printf("%u\n", sum);
  return 0;
}
