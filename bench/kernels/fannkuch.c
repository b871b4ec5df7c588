// Permutations: the most prefix reversals (pancake flips) any permutation of N needs, and a checksum over all of them.
#include <stdio.h>
#define N 10

static int run(void) {
  int permutation[N], count[N], flipped[N], most = 0, checksum = 0, index = 0, r = N;
  for (int i = 0; i < N; i++) permutation[i] = i;
  for (;;) {
    for (; r != 1; r--) count[r - 1] = r;
    if (permutation[0] != 0) {
      for (int i = 0; i < N; i++) flipped[i] = permutation[i];
      int flips = 0;
      for (int first; (first = flipped[0]) != 0; flips++) {
        for (int low = 0, high = first; low < high; low++, high--) {
          int kept = flipped[low];
          flipped[low] = flipped[high];
          flipped[high] = kept;
        }
      }
      if (flips > most) most = flips;
      checksum += index % 2 == 0 ? flips : -flips;
    }
    for (;;) {
      if (r == N) {
        printf("%d %d\n", checksum, most);
        return checksum != 73196 || most != 38;
      }
      int first = permutation[0];
      for (int i = 0; i < r; i++) permutation[i] = permutation[i + 1];
      permutation[r] = first;
      if (--count[r] > 0) break;
      r++;
    }
    index++;
  }
}

int main(void) { return run() || run(); }
