// Calls that go deep (Ackermann's function), wide (Fibonacci's) and through pointers (the towers of Hanoi).
#include "tiny.h"

static word ackermann(word m, word n) {
  if (m == 0) return n + 1;
  if (n == 0) return ackermann(m - 1, 1);
  return ackermann(m - 1, ackermann(m, n - 1));
}

static word fibonacci(word n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

static word moves;
static void count_move(int from, int to) { moves = moves * 31 + from * 3 + to; }

static void hanoi(int disks, int from, int to, int over, void (*move)(int, int)) {
  if (disks == 0) return;
  hanoi(disks - 1, from, over, to, move);
  move(from, to);
  hanoi(disks - 1, over, to, from, move);
}

long sample_main(int argc, char **argv, char **envp) {
  (void)argc, (void)argv, (void)envp;
  volatile word depth = 2;
  void (*volatile move)(int, int) = count_move;
  say("ackermann(2, 200) = ");
  say_number(ackermann(depth, 200), 10);
  say("\nfibonacci(24) = ");
  say_number(fibonacci(24), 10);
  hanoi(14, 0, 2, 1, move);
  say("\nhanoi(14) = ");
  say_number(moves, 16);
  say("\n");
  return 0;
}
