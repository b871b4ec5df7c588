// Recursion: Fibonacci's, Takeuchi's and Ackermann's functions and a tree search (queens).
#include <stdio.h>

static unsigned fibonacci(unsigned n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

static int takeuchi(int x, int y, int z) {
  if (y >= x) return z;
  return takeuchi(takeuchi(x - 1, y, z), takeuchi(y - 1, z, x), takeuchi(z - 1, x, y));
}

static unsigned ackermann(unsigned m, unsigned n) {
  if (m == 0) return n + 1;
  return ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}

static int queens(unsigned all, unsigned columns, unsigned left, unsigned right) {
  if (columns == all) return 1;
  int found = 0;
  for (unsigned free = all & ~(columns | left | right); free; free &= free - 1) {
    unsigned place = free & -free;
    found += queens(all, columns | place, (left | place) << 1, (right | place) >> 1);
  }
  return found;
}

int main(void) {
  unsigned f = fibonacci(42), a = ackermann(2, 2000);
  int t = takeuchi(24, 16, 8), q = queens((1 << 12) - 1, 0, 0, 0);
  printf("%u %d %u %d\n", f, t, a, q);
  return f != 267914296 || t != 9 || a != 4003 || q != 14200;
}
