// A switch interpreter: a register machine that counts Collatz steps.
#include <stdint.h>
#include <stdio.h>
#define LIMIT 400000

enum { SET, MOVE, ADD, SUB, MUL3, HALVE, AND1, LESS, JUMP, JUMP_IF, JUMP_UNLESS, MAX, HALT };
enum { N, X, STEPS, BEST, END, ONE, T, SUM };
enum { OUTER = 5, LOOP = 9, EVEN = 19, NEXT = 22, DONE = 27 };

static const struct {
  uint8_t op, to, from;
  int32_t value;
} program[] = {
    {SET, N, 0, 1}, {SET, END, 0, LIMIT}, {SET, ONE, 0, 1}, {SET, BEST, 0, 0}, {SET, SUM, 0, 0},
    [OUTER] = {LESS, T, N, END}, {JUMP_UNLESS, T, 0, DONE}, {MOVE, X, N, 0}, {SET, STEPS, 0, 0},
    [LOOP] = {LESS, T, ONE, X}, {JUMP_UNLESS, T, 0, NEXT}, {ADD, STEPS, ONE, 0}, {AND1, T, X, 0}, {JUMP_UNLESS, T, 0, EVEN},
    {MUL3, X, X, 0}, {ADD, X, ONE, 0}, {HALVE, X, X, 0}, {ADD, STEPS, ONE, 0}, {JUMP, 0, 0, LOOP},
    [EVEN] = {HALVE, X, X, 0}, {JUMP, 0, 0, LOOP}, {HALT, 0, 0, 0},
    [NEXT] = {MAX, BEST, STEPS, 0}, {ADD, SUM, STEPS, 0}, {ADD, N, ONE, 0}, {JUMP, 0, 0, OUTER}, {HALT, 0, 0, 0},
    [DONE] = {HALT, 0, 0, 0},
};

int main(void) {
  int64_t r[8] = {0};
  for (uint32_t at = 0;; at++) {
    uint8_t to = program[at].to, from = program[at].from;
    int32_t value = program[at].value;
    switch (program[at].op) {
      case SET: r[to] = value; break;
      case MOVE: r[to] = r[from]; break;
      case ADD: r[to] += r[from]; break;
      case SUB: r[to] -= r[from]; break;
      case MUL3: r[to] = r[from] * 3; break;
      case HALVE: r[to] = r[from] >> 1; break;
      case AND1: r[to] = r[from] & 1; break;
      case LESS: r[to] = r[from] < r[value]; break;
      case JUMP: at = value - 1; break;
      case JUMP_IF: if (r[to]) at = value - 1; break;
      case JUMP_UNLESS: if (!r[to]) at = value - 1; break;
      case MAX: if (r[from] > r[to]) r[to] = r[from]; break;
      default:
        printf("%lld %lld\n", (long long)r[BEST], (long long)r[SUM]);
        return r[BEST] != 442;
    }
  }
}
