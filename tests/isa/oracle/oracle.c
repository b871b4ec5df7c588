// A batch oracle: runs a few bytes of code on many states and reports what became of them. No libc.
//
//   riscv64-linux-gnu-gcc -O2 -static -nostdlib -ffreestanding -fno-stack-protector -mno-relax oracle.c -o oracle
//   qemu-riscv64 oracle < job > result
//
// A job is `u64 size (of the whole job)`, `u64 groups`, then groups: `u32 bytes of code, u32 states, code[CODE_MAX]`,
// then that many records (struct state). The result is the job with every record overwritten by the state after.
//
// All registers travel in the signal frame: the code is followed by ebreaks, so a case always ends in a signal. The handler
// saves the frame's registers, puts the next case's in their place and returns into the code. No register is lost to a base.

#include <signal.h>
#include <stdint.h>
#include <ucontext.h>

#define CODE 0x40000000ul   // the code under test
#define REACH 0x200000ul    // ebreaks on both sides, so that every direct jump lands in one
#define CODE_MAX 32
#define DATA 0x20000000ul   // one page; its neighbours are unmapped
#define PAGE 4096ul
#define WINDOW 256ul        // bytes at the end of that page that are set before and read after
#define EBREAK16 0x9002
// The signal stack: where no state's sp points by chance, or the kernel would think that it is in use already.
#define STACK 0x2b3c4d5e6000ul
#define STACK_SIZE 65536ul
#define READ 1
#define WRITE 2
#define EXECUTE 4

struct state {
  uint64_t x[32];           // x[0] is ignored
  uint64_t f[32];
  uint64_t fcsr;
  uint64_t pc;              // out: where the signal was raised
  uint64_t signal;          // out: its number
  uint64_t address;         // out: the faulting address, as the signal reports it
  uint8_t memory[WINDOW];
};
struct group {
  uint32_t bytes, states;
  uint8_t code[CODE_MAX];
};

static uint8_t *job;
static uint64_t size, groups;
static struct group *group;
static struct state *state;
static uint32_t left;
static uint64_t spare;

static long call(long n, long a, long b, long c, long d, long e, long f) {
  register long a7 asm("a7") = n, a0 asm("a0") = a, a1 asm("a1") = b, a2 asm("a2") = c, a3 asm("a3") = d, a4 asm("a4") = e,
                a5 asm("a5") = f;
  asm volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5) : "memory");
  return a0;
}
static long do_read(void *to, long n) { return call(63, 0, (long)to, n, 0, 0, 0); }
static long do_write(const void *from, long n) { return call(64, 1, (long)from, n, 0, 0, 0); }
static void quit(long status) { call(94, status, 0, 0, 0, 0, 0); }
static void *map(unsigned long at, unsigned long n, long prot) {
  return (void *)call(222, at, n, prot, at ? 0x32 : 0x22, -1, 0);  // private, anonymous, fixed if given
}

static void finish(void) {
  for (uint64_t at = 0; at < size;) {
    long n = do_write(job + at, size - at);
    if (n <= 0) quit(3);
    at += n;
  }
  quit(0);
}

// Steps to the next case and puts its code in place.
static void next(void) {
  while (left == 0) {
    if (groups-- == 0) finish();
    group = (struct group *)state;
    state = (struct state *)(group + 1);
    left = group->states;
    volatile uint16_t *code = (uint16_t *)CODE;
    for (unsigned i = 0; i < CODE_MAX / 2; i++) code[i] = EBREAK16;
    for (unsigned i = 0; i < group->bytes / 2; i++) code[i] = ((uint16_t *)group->code)[i];
    asm volatile("fence.i" ::: "memory");
  }
  left--;
}

static void handler(int signal, siginfo_t *info, void *frame) {
  static int running;
  mcontext_t *m = &((ucontext_t *)frame)->uc_mcontext;
  uint64_t *memory = (uint64_t *)(DATA + PAGE - WINDOW);
  if (running) {
    for (int i = 1; i < 32; i++) state->x[i] = m->__gregs[i];
    for (int i = 0; i < 32; i++) state->f[i] = m->__fpregs.__d.__f[i];
    state->fcsr = m->__fpregs.__d.__fcsr;
    state->pc = m->__gregs[0];
    state->signal = signal;
    state->address = (uint64_t)info->si_addr;
    for (unsigned i = 0; i < WINDOW / 8; i++) ((uint64_t *)state->memory)[i] = memory[i];
    state++;
  }
  running = 1;
  next();
  for (int i = 1; i < 32; i++) m->__gregs[i] = state->x[i];
  for (int i = 0; i < 32; i++) m->__fpregs.__d.__f[i] = state->f[i];
  m->__fpregs.__d.__fcsr = state->fcsr;
  m->__gregs[0] = CODE;
  for (unsigned i = 0; i < WINDOW / 8; i++) memory[i] = ((uint64_t *)state->memory)[i];
  uint64_t failed;
  asm volatile("sc.d %0, zero, (%1)" : "=r"(failed) : "r"(&spare) : "memory");  // no case inherits a reservation
}

// What sigaction and sigaltstack take of the kernel, not of libc.
struct action {
  void (*handler)(int, siginfo_t *, void *);
  unsigned long flags, mask;
};
struct altstack {
  void *at;
  int flags;
  unsigned long size;
};

void _start(void) {
  uint64_t head[2];
  for (uint64_t at = 0; at < sizeof head;) {
    long n = do_read((uint8_t *)head + at, sizeof head - at);
    if (n <= 0) quit(2);
    at += n;
  }
  size = head[0];
  groups = head[1];
  job = map(0, size, READ | WRITE);
  ((uint64_t *)job)[0] = size;
  ((uint64_t *)job)[1] = groups;
  for (uint64_t at = sizeof head; at < size;) {
    long n = do_read(job + at, size - at);
    if (n <= 0) quit(2);
    at += n;
  }
  state = (struct state *)(job + sizeof head);

  uint16_t *code = map(CODE - REACH, 2 * REACH, READ | WRITE | EXECUTE);
  for (unsigned long i = 0; i < REACH; i++) code[i] = EBREAK16;
  map(DATA, PAGE, READ | WRITE);

  struct altstack alt = {map(STACK, STACK_SIZE, READ | WRITE), 0, STACK_SIZE};
  call(132, (long)&alt, 0, 0, 0, 0, 0);
  struct action action = {handler, SA_SIGINFO | SA_ONSTACK | SA_NODEFER, 0};
  const int signals[] = {SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV};
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) call(134, signals[i], (long)&action, 0, 8, 0, 0);
  asm volatile("ebreak");
  quit(4);
}
