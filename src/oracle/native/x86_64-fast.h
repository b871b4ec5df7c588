// The fast loop on x86-64: r15 is its base, rsp carries flags; xmm9 to xmm15 keep what it lives by while the code under test
// has all registers: 9 rsp after, 10 and 11 rsp and r15 where they are not carried, 13 r15 after, 14 out, 15 in.
#define SCRATCH (FAST + 0x800)  // flags; flags where none are carried; end of the records

asm(".globl fast_enter, fast_exit, fast_abort\n"
    "fast_enter: push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "mov %rsp, fast_sp(%rip); mov %rsi, fast_after(%rip); movq %rdx, %xmm15; movq %rcx, %xmm14\n"
    "movq 56(%rdi), %xmm10; movq 120(%rdi), %xmm11\n"
    "mov 0(%rdi), %rax; mov 8(%rdi), %rbx; mov 16(%rdi), %rcx; mov 24(%rdi), %rdx; mov 32(%rdi), %rsi; mov 48(%rdi), %rbp\n"
    "mov 64(%rdi), %r8; mov 72(%rdi), %r9; mov 80(%rdi), %r10; mov 88(%rdi), %r11; mov 96(%rdi), %r12; mov 104(%rdi), %r13\n"
    "mov 112(%rdi), %r14; mov 40(%rdi), %rdi; mov $0x4b340000, %r15d; jmp *%r15\n"
    "fast_exit: mov fast_after(%rip), %r15\n"
    "mov %rax, 0(%r15); mov %rbx, 8(%r15); mov %rcx, 16(%r15); mov %rdx, 24(%r15); mov %rsi, 32(%r15); mov %rdi, 40(%r15)\n"
    "mov %rbp, 48(%r15); movq %xmm9, 56(%r15); mov %r8, 64(%r15); mov %r9, 72(%r15); mov %r10, 80(%r15); mov %r11, 88(%r15)\n"
    "mov %r12, 96(%r15); mov %r13, 104(%r15); mov %r14, 112(%r15); movq %xmm13, 120(%r15)\n"
    "fast_abort: mov fast_sp(%rip), %rsp; cld; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n");

void fast_enter(struct state *start, struct state *after, u8 *in, u8 *out);
void fast_run(struct state *start, struct state *after, u8 *in, u8 *out, u64 n) {
  ((u64 *)SCRATCH)[2] = (u64)in + n * job.record;
  ((u64 *)SCRATCH)[1] = 0x202 | (start->flags & FLAGS_SEEN);
  fast_enter(start, after, in, out);
  after->flags = ((u64 *)SCRATCH)[0] & FLAGS_SEEN;
}

static const u8 hardware[16] = {0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15};
static int is_flag(const struct carry *c) { return c->bits == 1 && c->at / 64 == 16; }
static int fast_carries(const struct carry *c) { return is_flag(c) || (c->bits == 64 && c->at < 1024 && c->at % 64 == 0); }

static u8 *byte_;
static void bytes(const char *s, int n) { for (int i = 0; i < n; i++) *byte_++ = s[i]; }
#define B(s) bytes(s, sizeof(s) - 1)
static void word32(u32 v) { for (int i = 0; i < 4; i++) *byte_++ = v >> 8 * i; }
static void move(u8 op, u32 r, u32 at) {  // r64 from or to [r15 + at]
  *byte_++ = 0x49 | (r >> 3) << 2;
  *byte_++ = op;
  *byte_++ = 0x87 | (r & 7) << 3;
  word32(at);
}
static void xmm_r15(u8 op, u32 xmm) { *byte_++ = 0x66; *byte_++ = 0x4d; *byte_++ = 0x0f; *byte_++ = op; *byte_++ = 0xc7 | (xmm & 7) << 3; }
static void xmm_rsp(u8 op, u32 xmm) { *byte_++ = 0x66; *byte_++ = 0x4c; *byte_++ = 0x0f; *byte_++ = op; *byte_++ = 0xc4 | (xmm & 7) << 3; }
static void store_xmm(u32 xmm, u32 at) { *byte_++ = 0x66; *byte_++ = 0x45; *byte_++ = 0x0f; *byte_++ = 0xd6; *byte_++ = 0x87 | (xmm & 7) << 3; word32(at); }
static void jump_near(u64 target) { *byte_++ = 0xe9; word32((u32)(target - (u64)byte_ - 4)); }
#define TO_XMM 0x6e
#define FROM_XMM 0x7e

static void fast_generate(void) {
  static const u8 order[] = {11, 10, 7, 6, 4, 2, 0};
  byte_ = (u8 *)FAST;
  xmm_r15(FROM_XMM, 15);
  u64 carried = 0, seen = 0;
  int last = -1;
  for (int o = 0; o < 7; o++)
    for (u32 k = 0; k < job.carries; k++) {
      const struct carry *c = &job.carry[k];
      if (!is_flag(c) || c->at % 64 != order[o]) continue;
      if (last < 0) move(0x8b, 4, c->to);
      else {
        B("\x48\xc1\xe4"); *byte_++ = last - order[o];  // shl rsp
        move(0x0b, 4, c->to);                            // or rsp
      }
      last = order[o];
      carried |= 1ul << last;
    }
  if (last >= 0) {
    B("\x48\xc1\xe4"); *byte_++ = last;
    B("\x48\x81\xcc"); word32(0x202 | (rest.flags & FLAGS_SEEN & ~carried));  // or rsp, imm
    B("\x48\x89\x24\x25"); word32(SCRATCH);                                    // mov [scratch], rsp
    B("\x48\xc7\xc4"); word32(SCRATCH);                                        // mov rsp, scratch
  } else { B("\x48\xc7\xc4"); word32(SCRATCH + 8); }
  *byte_++ = 0x9d;  // popfq
  for (u32 k = 0; k < job.carries; k++) {
    u32 r = job.carry[k].at / 64;
    if (is_flag(&job.carry[k])) continue;
    seen |= 1u << r;
    if (r != 15 && r != 7) move(0x8b, hardware[r], job.carry[k].to);
  }
  for (u32 k = 0; k < job.carries; k++) if (job.carry[k].at == 7 * 64) move(0x8b, 4, job.carry[k].to);
  if (!(seen & 1 << 7)) xmm_rsp(FROM_XMM, 10);
  for (u32 k = 0; k < job.carries; k++) if (job.carry[k].at == 15 * 64) move(0x8b, 15, job.carry[k].to);
  if (!(seen & 1 << 15)) xmm_r15(FROM_XMM, 11);
  jump_near(ISLAND);
  u64 behind = (u64)byte_;
  xmm_r15(TO_XMM, 13);
  xmm_rsp(TO_XMM, 9);
  B("\x48\xc7\xc4"); word32(SCRATCH + 8);
  *byte_++ = 0x9c;  // pushfq
  xmm_r15(FROM_XMM, 14);
  for (u32 k = 0; k < job.carries; k++) {
    u32 r = job.carry[k].at / 64, to = job.carry[k].to;
    if (is_flag(&job.carry[k])) {
      B("\x48\x8b\x24\x25"); word32(SCRATCH);                       // mov rsp, [scratch]
      B("\x48\xc1\xec"); *byte_++ = job.carry[k].at % 64;           // shr rsp
      B("\x83\xe4\x01");                                            // and esp, 1
      move(0x89, 4, to);
    } else if (r == 7) store_xmm(9, to);
    else if (r == 15) store_xmm(13, to);
    else move(0x89, hardware[r], to);
  }
  B("\x4d\x8d\xbf"); word32(job.record);  // lea r15, [r15 + record]
  xmm_r15(TO_XMM, 14);
  xmm_r15(FROM_XMM, 15);
  B("\x4d\x8d\xbf"); word32(job.record);
  xmm_r15(TO_XMM, 15);
  B("\x4c\x3b\x3c\x25"); word32(SCRATCH + 16);  // cmp r15, [end]
  B("\x0f\x82"); word32((u32)(FAST - (u64)byte_ - 4));
  B("\x41\xbf"); word32((u32)(u64)fast_exit);
  B("\x41\xff\xe7");
  // A direction flag that the code set would turn our own string instructions round; a popf clears it again
  byte_ = (u8 *)ISLAND + job.code_bytes;
  jump_near(behind);
}

static int fast_strayed(const struct state *start, const struct state *after) {
  u64 differ = 0, regs = 0, flags = 0;
  for (u32 k = 0; k < job.carries; k++) {
    if (is_flag(&job.carry[k])) flags |= 1ul << job.carry[k].at % 64;
    else regs |= 1u << job.carry[k].at / 64;
  }
  for (u32 i = 0; i < 16; i++) if (!(regs >> i & 1)) differ |= start->r[i] ^ after->r[i];
  differ |= (start->flags ^ after->flags) & FLAGS_SEEN & ~flags;
  return differ != 0;
}
