// Goes wrong in the way its argument names, after a line that says so. No such way: exit code 2.
#include "tiny.h"

static volatile word sink;
static volatile word *volatile null_page;  // unknown to the compiler

static void illegal(void) {
#if defined(__riscv)
  __asm__ volatile(".4byte 0xffffffff");
#elif defined(__aarch64__)
  __asm__ volatile(".inst 0xffffffff");
#elif defined(__x86_64__)
  __asm__ volatile("ud2");
#endif
}
static void breakpoint(void) {
#if defined(__riscv)
  __asm__ volatile("ebreak");
#elif defined(__aarch64__)
  __asm__ volatile("brk 0");
#elif defined(__x86_64__)
  __asm__ volatile("int3");
#endif
}
static void null_load(void) { sink = null_page[0]; }
static void null_store(void) { null_page[1] = 1; }
static void wild_store(void) { null_page[0x123456789abcdef0 / sizeof(word)] = 1; }
static void readonly_store(void) { *(volatile word *)((word)readonly_store & -8) = 5; }
static void wild_jump(void) { ((void (*)(void))0xdead0000)(); }
static void data_jump(void) { ((void (*)(void))&sink)(); }
static void endless_loop(void) {
  for (;;) sink++;
}
static word (*volatile recurse_again)(word);
static word recurse(word n) {
  volatile word room[64];
  room[n & 63] = n;
  return recurse_again(n + 1) + room[n & 63];
}
static void endless_recursion(void) {
  recurse_again = recurse;
  sink = recurse(0);
}
static void hog(void) {
  for (word taken = 0;; taken += 1 << 20) {
    long at = syscall6(SYS_mmap, 0, 1 << 20, 3, 0x22, -1, 0);
    if (at < 0 && at > -4096) {
      say("out of memory\n");
      quit(taken >= 1 << 20 ? 3 : 4);
    }
    for (word page = 0; page < 1 << 20; page += 4096) *(volatile char *)(at + page) = 1;
  }
}
static void abrupt(void) { quit(77); }

static const struct {
  const char *name;
  void (*run)(void);
} ways[] = {
    {"illegal", illegal},         {"breakpoint", breakpoint},
    {"null-load", null_load},     {"null-store", null_store},
    {"wild-store", wild_store},   {"readonly-store", readonly_store},
    {"wild-jump", wild_jump},     {"data-jump", data_jump},
    {"loop", endless_loop},       {"recursion", endless_recursion},
    {"memory-hog", hog},          {"exit-77", abrupt},
};

long sample_main(int argc, char **argv, char **envp) {
  (void)envp;
  const char *wanted = argc > 1 ? argv[1] : "";
  for (word i = 0; i < sizeof ways / sizeof *ways; i++) {
    if (!same(ways[i].name, wanted)) continue;
    say("about to try ");
    say(wanted);
    say("\n");
    ways[i].run();
    say("survived\n");
    return 1;
  }
  say("ways:");
  for (word i = 0; i < sizeof ways / sizeof *ways; i++) {
    say(" ");
    say(ways[i].name);
  }
  say("\n");
  return 2;
}
