// Reads the floating-point exception flags after operations that raise each of them, in every rounding mode.
#include "tiny.h"

static volatile double zero = 0, one = 1, three = 3, huge = 1e308, tiny = 1e-308;

static word bits(double value) {
  union { double d; word w; } u = {value};
  return u.w;
}

static void show(const char *what, double value, word flags) {
  say(what);
  say(" = ");
  say_number(bits(value), 16);
  say(" flags ");
  say_number(flags, 2);
  say("\n");
}

#if defined(__riscv)
static void clear(void) { __asm__ volatile("csrw fflags, zero" ::: "memory"); }
static word flags(void) {
  word value;
  __asm__ volatile("csrr %0, fflags" : "=r"(value)::"memory");
  return value;
}
static void rounding(word mode) { __asm__ volatile("csrw frm, %0" ::"r"(mode) : "memory"); }
static const char *const modes[] = {"nearest-even", "to-zero", "down", "up", "nearest-away"};
#elif defined(__aarch64__)
static void clear(void) { __asm__ volatile("msr fpsr, xzr" ::: "memory"); }
static word flags(void) {
  word value;
  __asm__ volatile("mrs %0, fpsr" : "=r"(value)::"memory");
  return value;
}
static void rounding(word mode) { __asm__ volatile("msr fpcr, %0" ::"r"(mode << 22) : "memory"); }
static const char *const modes[] = {"nearest-even", "up", "down", "to-zero"};
#elif defined(__x86_64__)
static unsigned mxcsr = 0x1f80;
static void clear(void) { __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr) : "memory"); }
static word flags(void) {
  unsigned value;
  __asm__ volatile("stmxcsr %0" : "=m"(value)::"memory");
  return value & 0x3f;
}
static void rounding(word mode) {
  mxcsr = 0x1f80 | (unsigned)mode << 13;
  clear();
}
static const char *const modes[] = {"nearest-even", "down", "up", "to-zero"};
#endif

#define TRY(expression)                 \
  do {                                  \
    clear();                            \
    volatile double value = expression; \
    word raised = flags();              \
    show(#expression, value, raised);   \
  } while (0)

long sample_main(int argc, char **argv, char **envp) {
  (void)argc, (void)argv, (void)envp;
  for (word mode = 0; mode < sizeof modes / sizeof *modes; mode++) {
    rounding(mode);
    say(modes[mode]);
    say(":\n");
    TRY(one + three);
    TRY(one / three);
    TRY(one / zero);
    TRY(zero / zero);
    TRY(huge * huge);
    TRY(-huge * huge);
    TRY(tiny * tiny);
    TRY(tiny / three);
    TRY((float)huge);
    TRY((double)(long)(one / three));
    TRY((double)(long)(huge));
  }
  rounding(0);
  return 0;
}
