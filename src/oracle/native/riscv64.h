// RV64GC for the batch oracle.
#define SYS_READ 63
#define SYS_WRITE 64
#define SYS_EXIT 94
#define SYS_MMAP 222
#define SYS_SIGALTSTACK 132
#define SYS_SETITIMER 103
#define CODE_ALIGN 2
#define TRAP_BEHIND 0
#define EBREAK16 0x9002

struct state { u64 x[32]; u64 f[32]; u64 fcsr; u64 pc; };

static long sys(long n, long a, long b, long c, long d, long e, long f) {
  register long a7 asm("a7") = n, a0 asm("a0") = a, a1 asm("a1") = b, a2 asm("a2") = c, a3 asm("a3") = d, a4 asm("a4") = e,
                a5 asm("a5") = f;
  asm volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5) : "memory");
  return a0;
}
static void catch_signal(int signal, void (*handler)(int, siginfo_t *, void *)) {
  struct { void *handler; unsigned long flags, mask; } action = {handler, SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART, 0};
  sys(134, signal, (long)&action, 0, 8, 0, 0);
}
static void fill_traps(void *at, u64 n) { for (u64 i = 0; i < n / 2; i++) ((volatile uint16_t *)at)[i] = EBREAK16; }
static void flush(u64 at, u64 n) { asm volatile("fence.i" ::: "memory"); }
static int asks(const u8 *code, u32 n) {
  for (u32 i = 0; i + 4 <= n; i += 2) if (code[i] == 0x73 && !code[i + 1] && !code[i + 2] && !code[i + 3]) return 1;
  return 0;
}
static u64 frame_pc(ucontext_t *c) { return c->uc_mcontext.__gregs[0]; }
static void frame_set_pc(ucontext_t *c, u64 pc) { c->uc_mcontext.__gregs[0] = pc; }
static u64 frame_back(ucontext_t *c) { return c->uc_mcontext.__gregs[0] + 4; }
static void frame_to_state(ucontext_t *c, struct state *s) {
  s->x[0] = 0;
  for (int i = 1; i < 32; i++) s->x[i] = c->uc_mcontext.__gregs[i];
  for (int i = 0; i < 32; i++) s->f[i] = c->uc_mcontext.__fpregs.__d.__f[i];
  s->fcsr = c->uc_mcontext.__fpregs.__d.__fcsr;
}
static u64 spare;
static void state_to_frame(const struct state *s, ucontext_t *c) {
  for (int i = 1; i < 32; i++) c->uc_mcontext.__gregs[i] = s->x[i];
  for (int i = 0; i < 32; i++) c->uc_mcontext.__fpregs.__d.__f[i] = s->f[i];
  c->uc_mcontext.__fpregs.__d.__fcsr = s->fcsr;
  c->uc_mcontext.__gregs[0] = s->pc;
  u64 failed;
  asm volatile("sc.d %0, zero, (%1)" : "=r"(failed) : "r"(&spare) : "memory");  // no case inherits a reservation
}
static void frame_enter(void) { asm volatile(".option push; .option norvc; ebreak; .option pop" ::: "memory"); }
void begin(void);
asm(".globl _start; _start: andi sp, sp, -16; tail begin");
