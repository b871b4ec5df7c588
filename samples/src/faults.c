// A write barrier: pages are protected, a SIGSEGV handler notes the address, allows the page, and the store goes on.
#include "tiny.h"

enum { PAGES = 64, PAGE = 4096, SIGSEGV = 11, SA_SIGINFO = 4, NONE = 0, READ = 1, WRITE = 2 };

static unsigned char *area;
static word faults, trail;

static void on_fault(int signal, const char *info, const char *context) {
  (void)signal, (void)context;
  word at = *(const word *)(info + 16) - (word)area;  // si_addr
  if (at >= PAGES * PAGE) quit(9);
  faults++;
  trail = trail * 31 + at;
  syscall3(SYS_mprotect, (long)(area + at / PAGE * PAGE), PAGE, READ | WRITE);
}

static word fill(word times, word step) {
  word sum = 1;
  for (word i = 0; i < times; i++) {
    unsigned char *at = area + i * step % (PAGES * PAGE - 8);
    sum = sum * 33 + *at + i;
    *(volatile word *)at = sum;  // misaligned, and over page edges
  }
  return sum;
}

static void round_of(word step, long protection) {
  syscall3(SYS_mprotect, (long)area, PAGES * PAGE, protection);
  say_number(fill(30000, step), 16);
  say(" after ");
  say_number(faults, 10);
  say(" faults, trail ");
  say_number(trail, 16);
  say("\n");
}

long sample_main(int argc, char **argv, char **envp) {
  (void)argc, (void)argv, (void)envp;
  area = (unsigned char *)syscall6(SYS_mmap, 0, PAGES * PAGE, READ | WRITE, 0x22, -1, 0);
  round_of(3, READ | WRITE);
  catch(SIGSEGV, on_fault, SA_SIGINFO);
  for (word i = 0; i < 12; i++) round_of(7 + 2 * i, i & 1 ? READ : NONE);
  return 0;
}
