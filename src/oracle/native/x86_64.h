// x86-64 for the batch oracle.
#define SYS_READ 0
#define SYS_WRITE 1
#define SYS_EXIT 231
#define SYS_MMAP 9
#define SYS_MPROTECT 10  // instructions store beside themselves: code is shut while cases run
#define SYS_SIGALTSTACK 131
#define SYS_SETITIMER 38
#define CODE_ALIGN 1
#define TRAP_BEHIND 1
#define FLAGS_SEEN 0xcd5ul  // CF PF AF ZF SF DF OF

struct state {
  u64 r[16];                // rax rbx rcx rdx rsi rdi rbp rsp r8 ... r15
  u64 flags, pc;
  u32 mxcsr, pad;
  uint16_t fctrl, fstat;
  u8 ftag, pad3[3];
  u8 x87[8][16];              // R0 to R7 as the stack's top counts them (SDM vol. 1, 8.1.2)
  u8 ymm[16][32];
  // Of MXCSR and the x87 control word what sets the mode: rounding as rne rtz rdn rup in the low bits; DAZ and FZ in bits 3 and 4 of
  // the first; double precision in bit 5 of the second, single in bit 6. Everything else there stays as programs begin with it.
  u8 mxmode, xmode, pad4[6];
};
static const u8 rounding[4] = {0, 3, 1, 2};  // the hardware's number of ours
static const u8 rounding_of[4] = {0, 2, 3, 1};
static u32 mxcsr_of(u8 mode) { return 0x1f80 | rounding[mode & 3] << 13 | (mode >> 3 & 1) << 6 | (mode >> 4 & 1) << 15; }
static u32 fctrl_of(u8 mode) { return 0x7f | rounding[mode & 3] << 10 | (mode & 0x40 ? 0 : mode & 0x20 ? 2 : 3) << 8; }

static long sys(long n, long a, long b, long c, long d, long e, long f) {
  register long r10 asm("r10") = d, r8 asm("r8") = e, r9 asm("r9") = f;
  long out;
  asm volatile("syscall" : "=a"(out) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return out;
}
void restorer(void);
asm(".globl restorer; restorer: mov $15, %eax; syscall");
static void catch_signal(int signal, void (*handler)(int, siginfo_t *, void *)) {
  struct { void *handler; unsigned long flags; void *restorer; unsigned long mask; } action = {
      handler, SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART | 0x04000000, restorer, 0};
  sys(13, signal, (long)&action, 0, 8, 0, 0);
}
static void fill_traps(void *at, u64 n) { for (u64 i = 0; i < n; i++) ((volatile u8 *)at)[i] = 0xcc; }
static void flush(u64 at, u64 n) {}
static int asks(const u8 *code, u32 n) {
  for (u32 i = 0; i + 2 <= n; i++) {
    if (code[i] == 0x0f && (code[i + 1] == 0x05 || code[i + 1] == 0x34)) return 1;
    if (code[i] == 0xcd && code[i + 1] == 0x80) return 1;
  }
  return 0;
}
// REG_ numbers of <sys/ucontext.h>, in our order
static const u8 places[16] = {13, 11, 14, 12, 9, 8, 10, 15, 0, 1, 2, 3, 4, 5, 6, 7};
static u64 frame_pc(ucontext_t *c) { return c->uc_mcontext.gregs[16]; }
static void frame_set_pc(ucontext_t *c, u64 pc) { c->uc_mcontext.gregs[16] = pc; }
static u64 frame_back(ucontext_t *c) { return frame_pc(c); }

// The signal frame's fxsave area; behind it, where the kernel says so, the rest of XSAVE: XSTATE_BV at 512, YMM_Hi128 at 576.
static u8 *extended(u8 *fx) { return *(u32 *)(fx + 464) == 0x46505853 && *(u32 *)(fx + 480) > 576 ? fx : 0; }
static void frame_to_state(ucontext_t *c, struct state *s) {
  u8 *fx = (u8 *)c->uc_mcontext.fpregs;
  for (int i = 0; i < 16; i++) s->r[i] = c->uc_mcontext.gregs[places[i]];
  s->flags = c->uc_mcontext.gregs[17] & FLAGS_SEEN;
  if (!fx) return;
  u32 mxcsr = *(u32 *)(fx + 24), fctrl = *(uint16_t *)fx;
  s->mxmode = rounding_of[mxcsr >> 13 & 3] | (mxcsr >> 6 & 1) << 3 | (mxcsr >> 15 & 1) << 4;
  s->xmode = rounding_of[fctrl >> 10 & 3] | ((fctrl >> 8 & 3) == 2) << 5 | ((fctrl >> 8 & 3) == 0) << 6;
  s->mxcsr = mxcsr & 0x3f;  // which exceptions trap is not shown
  s->fctrl = 0;
  s->fstat = *(uint16_t *)(fx + 2) & 0x7f7f;  // that something is pending follows
  s->ftag = fx[4];
  for (int i = 0; i < 8; i++) for (int k = 0; k < 10; k++) s->x87[(s->fstat >> 11) + i & 7][k] = fx[32 + 16 * i + k];
  u8 *wide = extended(fx);
  for (int i = 0; i < 16; i++) {
    ((u64 *)s->ymm[i])[0] = ((u64 *)(fx + 160 + 16 * i))[0];
    ((u64 *)s->ymm[i])[1] = ((u64 *)(fx + 160 + 16 * i))[1];
    ((u64 *)s->ymm[i])[2] = wide && (wide[512] & 4) ? ((u64 *)(wide + 576 + 16 * i))[0] : 0;
    ((u64 *)s->ymm[i])[3] = wide && (wide[512] & 4) ? ((u64 *)(wide + 576 + 16 * i))[1] : 0;
  }
}
static void state_to_frame(const struct state *s, ucontext_t *c) {
  u8 *fx = (u8 *)c->uc_mcontext.fpregs;
  // Flags that a return from a signal leaves alone: NT, ID
  asm volatile("lea -128(%%rsp), %%rsp; pushq $0x202; popfq; lea 128(%%rsp), %%rsp" ::: "memory", "cc");
  for (int i = 0; i < 16; i++) c->uc_mcontext.gregs[places[i]] = s->r[i];
  c->uc_mcontext.gregs[17] = 0x202 | (s->flags & FLAGS_SEEN);
  c->uc_mcontext.gregs[16] = s->pc;
  if (!fx) return;
  *(u32 *)(fx + 24) = mxcsr_of(s->mxmode) | (s->mxcsr & 0x3f);
  *(uint16_t *)fx = fctrl_of(s->xmode);
  *(uint16_t *)(fx + 2) = s->fstat;
  fx[4] = s->ftag;
  for (int i = 0; i < 8; i++) for (int k = 0; k < 10; k++) fx[32 + 16 * i + k] = s->x87[(s->fstat >> 11) + i & 7][k];
  u8 *wide = extended(fx);
  for (int i = 0; i < 16; i++) {
    ((u64 *)(fx + 160 + 16 * i))[0] = ((u64 *)s->ymm[i])[0];
    ((u64 *)(fx + 160 + 16 * i))[1] = ((u64 *)s->ymm[i])[1];
    if (!wide) continue;
    ((u64 *)(wide + 576 + 16 * i))[0] = ((u64 *)s->ymm[i])[2];
    ((u64 *)(wide + 576 + 16 * i))[1] = ((u64 *)s->ymm[i])[3];
  }
  if (wide) wide[512] |= 7;
}
static void frame_enter(void) { asm volatile("int3" ::: "memory"); }
void begin(void);
asm(".globl _start; _start: and $-16, %rsp; call begin");
