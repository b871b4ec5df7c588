// AArch64 for the batch oracle.
#define SYS_READ 63
#define SYS_WRITE 64
#define SYS_EXIT 94
#define SYS_MMAP 222
#define SYS_SIGALTSTACK 132
#define SYS_SETITIMER 103
#define CODE_ALIGN 4
#define TRAP_BEHIND 0
#define BRK 0xd4200000u
#define NZCV 0xf0000000ul

// fpcr: without what `mode` has of it: -, -, DN, FZ, FZ, -, RMode as rne rtz rdn rup (C5.2.8)
struct state { u64 x[31]; u64 sp, pc, pstate; u32 fpsr, fpcr; u64 v[32][2]; u8 mode, pad[7]; };
#define MODES 0x03c00000u

static u32 fpcr_of(const struct state *s) {
  u32 m = s->mode;
  return (s->fpcr & ~MODES) | (m & 1) << 22 | ((m >> 1 ^ m) & 1) << 23 | (m >> 3 & 1) << 24 | (m >> 5 & 1) << 25;
}
static u8 mode_of(u32 fpcr) {
  u32 low = fpcr >> 22 & 1, high = fpcr >> 23 & 1, fz = fpcr >> 24 & 1;
  return low | (low ^ high) << 1 | fz << 3 | fz << 4 | (fpcr >> 25 & 1) << 5;
}

static long sys(long n, long a, long b, long c, long d, long e, long f) {
  register long x8 asm("x8") = n, x0 asm("x0") = a, x1 asm("x1") = b, x2 asm("x2") = c, x3 asm("x3") = d, x4 asm("x4") = e,
                x5 asm("x5") = f;
  asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
static void catch_signal(int signal, void (*handler)(int, siginfo_t *, void *)) {
  struct { void *handler; unsigned long flags; void *restorer; unsigned long mask; } action = {
      handler, SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART, 0, 0};
  sys(134, signal, (long)&action, 0, 8, 0, 0);
}
static void fill_traps(void *at, u64 n) { for (u64 i = 0; i < n / 4; i++) ((volatile u32 *)at)[i] = BRK; }
static void flush(u64 at, u64 n) {
  for (u64 a = at & ~63ul; a < at + n; a += 64) asm volatile("dc cvau, %0" ::"r"(a) : "memory");
  asm volatile("dsb ish" ::: "memory");
  for (u64 a = at & ~63ul; a < at + n; a += 64) asm volatile("ic ivau, %0" ::"r"(a) : "memory");
  asm volatile("dsb ish; isb" ::: "memory");
}
static int asks(const u8 *code, u32 n) {
  for (u32 i = 0; i + 4 <= n; i += 4) {
    u32 w = code[i] | code[i + 1] << 8 | code[i + 2] << 16 | (u32)code[i + 3] << 24;
    if ((w & 0xffe0001c) == 0xd4000000) return 1;  // svc, hvc, smc
  }
  return 0;
}
static u64 frame_pc(ucontext_t *c) { return c->uc_mcontext.pc; }
static void frame_set_pc(ucontext_t *c, u64 pc) { c->uc_mcontext.pc = pc; }
static u64 frame_back(ucontext_t *c) { return c->uc_mcontext.pc + 4; }
struct fpsimd { u32 magic, size, fpsr, fpcr; u64 v[32][2]; };
// The record of the vector registers; one of wider registers behind it would win over it, and ends the list instead.
static struct fpsimd *vectors(ucontext_t *c) {
  struct fpsimd *found = 0;
  for (u8 *at = (u8 *)c->uc_mcontext.__reserved;;) {
    struct fpsimd *f = (struct fpsimd *)at;
    if (f->magic == 0x46508001) found = f;
    if (f->magic == 0x53564501) f->magic = f->size = 0;
    if (!f->magic || !f->size) return found;
    at += f->size;
  }
}
static void frame_to_state(ucontext_t *c, struct state *s) {
  struct fpsimd *f = vectors(c);
  for (int i = 0; i < 31; i++) s->x[i] = c->uc_mcontext.regs[i];
  s->sp = c->uc_mcontext.sp;
  s->pstate = c->uc_mcontext.pstate & NZCV;
  if (!f) return;
  s->fpsr = f->fpsr & 0x0800009f;  // without AArch32's condition flags
  s->fpcr = f->fpcr & ~MODES;
  s->mode = mode_of(f->fpcr);
  for (int i = 0; i < 32; i++) { s->v[i][0] = f->v[i][0]; s->v[i][1] = f->v[i][1]; }
}
static void state_to_frame(const struct state *s, ucontext_t *c) {
  struct fpsimd *f = vectors(c);
  for (int i = 0; i < 31; i++) c->uc_mcontext.regs[i] = s->x[i];
  c->uc_mcontext.sp = s->sp;
  c->uc_mcontext.pc = s->pc;
  c->uc_mcontext.pstate = (c->uc_mcontext.pstate & ~(NZCV | 0xc00)) | (s->pstate & NZCV);  // and no branch type
  asm volatile("clrex" ::: "memory");  // no case inherits a reservation
  if (!f) return;
  f->fpsr = s->fpsr;
  f->fpcr = fpcr_of(s);
  for (int i = 0; i < 32; i++) { f->v[i][0] = s->v[i][0]; f->v[i][1] = s->v[i][1]; }
}
static void frame_enter(void) { asm volatile("brk 0" ::: "memory"); }
void begin(void);
asm(".globl _start; _start: mov x0, sp; and sp, x0, -16; bl begin");
