// A small stack machine, run by a switch: it counts the primes below its first argument (2000 without one).
#include "tiny.h"

enum { PUSH, LOAD, STORE, ADD, MUL, MOD, LESS, JUMP, UNLESS, PRINT };
enum { N, I, D, COUNT };
enum { OUTER = 2, INNER = 8, PRIME = 25, NEXT = 29, DONE = 34 };

static const struct {
  short op, argument;
} program[] = {
    {PUSH, 2}, {STORE, I},                                                   // i = 2
    [OUTER] = {LOAD, I}, {LOAD, N}, {LESS, 0}, {UNLESS, DONE},               // while (i < n) {
    {PUSH, 2}, {STORE, D},                                                   //   d = 2
    [INNER] = {LOAD, D}, {LOAD, D}, {MUL, 0},                                //   while (d * d
    {LOAD, I}, {PUSH, 1}, {ADD, 0}, {LESS, 0}, {UNLESS, PRIME},              //       < i + 1) {
    {LOAD, I}, {LOAD, D}, {MOD, 0}, {UNLESS, NEXT},                          //     if (i % d == 0) goto next
    {LOAD, D}, {PUSH, 1}, {ADD, 0}, {STORE, D}, {JUMP, INNER},               //     d++ }
    [PRIME] = {LOAD, COUNT}, {PUSH, 1}, {ADD, 0}, {STORE, COUNT},            //   count++
    [NEXT] = {LOAD, I}, {PUSH, 1}, {ADD, 0}, {STORE, I}, {JUMP, OUTER},      //   next: i++ }
    [DONE] = {LOAD, COUNT}, {PRINT, 0},
};

static long run(long limit) {
  long stack[16], *top = stack, variables[4] = {limit};
  long at = 0;
  for (long steps = 1;; steps++) {
    short argument = program[at].argument;
    switch (program[at++].op) {
      case PUSH: *top++ = argument; break;
      case LOAD: *top++ = variables[argument]; break;
      case STORE: variables[argument] = *--top; break;
      case ADD: top--; top[-1] += *top; break;
      case MUL: top--; top[-1] *= *top; break;
      case MOD: top--; top[-1] %= *top; break;
      case LESS: top--; top[-1] = top[-1] < *top; break;
      case JUMP: at = argument; break;
      case UNLESS: at = *--top ? at : argument; break;
      default:
        say_signed(*--top);
        say(" primes\n");
        return steps;
    }
  }
}

long sample_main(int argc, char **argv, char **envp) {
  (void)envp;
  long limit = 0;
  for (const char *at = argc > 1 ? argv[1] : "2000"; *at; at++) limit = limit * 10 + (*at - '0');
  long steps = run(limit);
  say_signed(steps);
  say(" steps\n");
  return 0;
}
