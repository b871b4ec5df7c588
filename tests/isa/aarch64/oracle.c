// A batch oracle for AArch64, as ../oracle/oracle.c is for RISC-V: runs a few instructions on many states and reports what
// became of them. No libc.
//
// A job is `u64 size (of the whole job)`, `u64 groups`, then groups: `u32 bytes of code, u32 states, code[CODE_MAX]`,
// then that many records (struct state). The result is the job with every record overwritten by the state after.

#include <signal.h>
#include <stdint.h>
#include <asm/sigcontext.h>
#include <ucontext.h>

#define CODE 0x40000000ul   // the code under test
#define REACH 0x200000ul    // brks on both sides
#define CODE_MAX 32
#define DATA 0x20000000ul   // one page; its neighbours are unmapped
#define PAGE 4096ul
#define WINDOW 256ul        // bytes at the end of that page that are set before and read after
#define BRK 0xd4200000u
#define STACK 0x2b3c4d5e6000ul
#define STACK_SIZE 65536ul
#define READ 1
#define WRITE 2
#define EXECUTE 4

struct state {
  uint64_t x[31], sp;
  uint64_t v[64];
  uint64_t nzcv, fpcr, fpsr;
  uint64_t pc;              // out: where the signal was raised
  uint64_t signal;          // out: its number
  uint64_t address;         // out: the faulting address, as the signal reports it
  uint64_t mode;            // for the rulebook's engines
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

static long call(long n, long a, long b, long c, long d, long e, long f) {
  register long x8 asm("x8") = n, x0 asm("x0") = a, x1 asm("x1") = b, x2 asm("x2") = c, x3 asm("x3") = d, x4 asm("x4") = e,
                x5 asm("x5") = f;
  asm volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
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

static void next(void) {
  while (left == 0) {
    if (groups-- == 0) finish();
    group = (struct group *)state;
    state = (struct state *)(group + 1);
    left = group->states;
    volatile uint32_t *code = (uint32_t *)CODE;
    for (unsigned i = 0; i < CODE_MAX / 4; i++) code[i] = BRK;
    for (unsigned i = 0; i < group->bytes / 4; i++) code[i] = ((uint32_t *)group->code)[i];
    asm volatile("dc cvau, %0\ndsb ish\nic ivau, %0\ndsb ish\nisb" ::"r"(CODE) : "memory");
  }
  left--;
}

static void handler(int signal, siginfo_t *info, void *frame) {
  static int running;
  mcontext_t *m = &((ucontext_t *)frame)->uc_mcontext;
  struct fpsimd_context *fp = (struct fpsimd_context *)m->__reserved;
  uint64_t *memory = (uint64_t *)(DATA + PAGE - WINDOW);
  if (fp->head.magic != FPSIMD_MAGIC) quit(5);
  uint64_t *v = (uint64_t *)fp->vregs;
  if (running) {
    for (int i = 0; i < 31; i++) state->x[i] = m->regs[i];
    state->sp = m->sp;
    for (int i = 0; i < 64; i++) state->v[i] = v[i];
    state->nzcv = m->pstate & 0xf0000000u;
    state->fpcr = fp->fpcr;
    state->fpsr = fp->fpsr;
    state->pc = m->pc;
    state->signal = signal;
    state->address = (uint64_t)info->si_addr;
    for (unsigned i = 0; i < WINDOW / 8; i++) ((uint64_t *)state->memory)[i] = memory[i];
    state++;
  }
  running = 1;
  next();
  for (int i = 0; i < 31; i++) m->regs[i] = state->x[i];
  m->sp = state->sp;
  for (int i = 0; i < 64; i++) v[i] = state->v[i];
  m->pstate = state->nzcv;
  fp->fpcr = state->fpcr;
  fp->fpsr = state->fpsr;
  m->pc = CODE;
  for (unsigned i = 0; i < WINDOW / 8; i++) memory[i] = ((uint64_t *)state->memory)[i];
  asm volatile("clrex" ::: "memory");  // no case inherits a mark
}

struct action {
  void (*handler)(int, siginfo_t *, void *);
  unsigned long flags;
  void *restorer;
  unsigned long mask;
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

  uint32_t *code = map(CODE - REACH, 2 * REACH, READ | WRITE | EXECUTE);
  for (unsigned long i = 0; i < REACH / 2; i++) code[i] = BRK;
  map(DATA, PAGE, READ | WRITE);

  struct altstack alt = {map(STACK, STACK_SIZE, READ | WRITE), 0, STACK_SIZE};
  call(132, (long)&alt, 0, 0, 0, 0, 0);
  struct action action = {handler, SA_SIGINFO | SA_ONSTACK | SA_NODEFER, 0, 0};
  const int signals[] = {SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV};
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) call(134, signals[i], (long)&action, 0, 8, 0, 0);
  asm volatile("brk #0");
  quit(4);
}
