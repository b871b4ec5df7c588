// The fast loop on AArch64: x30 is its base, x28 and x29 carry flags; d20 to d29 keep what it lives by while the code under
// test has all registers: 20, 23, 27 x28, x29, x30 after; 21, 24, 25 the same where not carried; 22 flags after; 26 count;
// 28 in, 29 out.
asm(".globl fast_run, fast_exit, fast_abort\n"
    "fast_run: stp x19, x20, [sp, -96]!; stp x21, x22, [sp, 16]; stp x23, x24, [sp, 32]; stp x25, x26, [sp, 48]\n"
    "stp x27, x28, [sp, 64]; stp x29, x30, [sp, 80]\n"
    "mov x9, sp; adrp x10, fast_sp; str x9, [x10, :lo12:fast_sp]; adrp x10, fast_after; str x1, [x10, :lo12:fast_after]\n"
    "fmov d28, x2; fmov d29, x3; fmov d26, x4; ldr d21, [x0, 224]; ldr d24, [x0, 232]; ldr d25, [x0, 240]\n"
    "mov x30, x0\n"
    "ldp x0, x1, [x30]; ldp x2, x3, [x30, 16]; ldp x4, x5, [x30, 32]; ldp x6, x7, [x30, 48]; ldp x8, x9, [x30, 64]\n"
    "ldp x10, x11, [x30, 80]; ldp x12, x13, [x30, 96]; ldp x14, x15, [x30, 112]; ldp x16, x17, [x30, 128]\n"
    "ldp x18, x19, [x30, 144]; ldp x20, x21, [x30, 160]; ldp x22, x23, [x30, 176]; ldp x24, x25, [x30, 192]\n"
    "ldp x26, x27, [x30, 208]; movz x30, 0x4b34, lsl 16; br x30\n"
    "fast_exit: adrp x30, fast_after; ldr x30, [x30, :lo12:fast_after]\n"
    "stp x0, x1, [x30]; stp x2, x3, [x30, 16]; stp x4, x5, [x30, 32]; stp x6, x7, [x30, 48]; stp x8, x9, [x30, 64]\n"
    "stp x10, x11, [x30, 80]; stp x12, x13, [x30, 96]; stp x14, x15, [x30, 112]; stp x16, x17, [x30, 128]\n"
    "stp x18, x19, [x30, 144]; stp x20, x21, [x30, 160]; stp x22, x23, [x30, 176]; stp x24, x25, [x30, 192]\n"
    "stp x26, x27, [x30, 208]; str d20, [x30, 224]; str d23, [x30, 232]; str d27, [x30, 240]; str d22, [x30, 264]\n"
    "fast_abort: adrp x30, fast_sp; ldr x9, [x30, :lo12:fast_sp]; mov sp, x9\n"
    "ldp x21, x22, [sp, 16]; ldp x23, x24, [sp, 32]; ldp x25, x26, [sp, 48]; ldp x27, x28, [sp, 64]; ldp x29, x30, [sp, 80]\n"
    "ldp x19, x20, [sp], 96; ret\n");

static int is_flag(const struct carry *c) { return c->bits == 1 && c->at / 64 == 33; }
static int fast_carries(const struct carry *c) { return is_flag(c) || (c->bits == 64 && c->at < 31 * 64 && c->at % 64 == 0); }

static void fmov_x_d(u32 x, u32 d) { emit(0x9e660000 | d << 5 | x); }
static void fmov_d_x(u32 d, u32 x) { emit(0x9e670000 | x << 5 | d); }
static void ldr(u32 x, u32 at) { emit(0xf9400000 | at / 8 << 10 | 30 << 5 | x); }
static void str(u32 x, u32 at) { emit(0xf9000000 | at / 8 << 10 | 30 << 5 | x); }
static void str_d(u32 d, u32 at) { emit(0xfd000000 | at / 8 << 10 | 30 << 5 | d); }
static void branch(u64 target) { emit(0x14000000 | ((u32)((target - (u64)emit_) / 4) & 0x3ffffff)); }

static void fast_generate(void) {
  u64 flags = 0;
  u32 seen = 0;
  for (u32 k = 0; k < job.carries; k++) {
    if (is_flag(&job.carry[k])) flags |= 1ul << job.carry[k].at % 64;
    else seen |= 1u << job.carry[k].at / 64;
  }
  emit_ = (u32 *)FAST;
  fmov_x_d(30, 28);
  emit(0xd2a00000 | (u32)(rest.pstate & NZCV & ~flags) >> 16 << 5 | 29);  // movz x29
  for (u32 k = 0; k < job.carries; k++)
    if (is_flag(&job.carry[k])) {
      ldr(28, job.carry[k].to);
      emit(0xaa000000 | 28 << 16 | (job.carry[k].at % 64) << 10 | 29 << 5 | 29);  // orr x29, x29, x28, lsl
    }
  emit(0xd51b4200 | 29);  // msr nzcv, x29
  if (!(seen >> 28 & 1)) fmov_x_d(28, 21);
  if (!(seen >> 29 & 1)) fmov_x_d(29, 24);
  for (u32 k = 0; k < job.carries; k++)
    if (!is_flag(&job.carry[k]) && job.carry[k].at / 64 != 30) ldr(job.carry[k].at / 64, job.carry[k].to);
  if (!(seen >> 30 & 1)) fmov_x_d(30, 25);
  else for (u32 k = 0; k < job.carries; k++) if (job.carry[k].at == 30 * 64) ldr(30, job.carry[k].to);
  branch(ISLAND);
  u64 behind = (u64)emit_;
  fmov_d_x(27, 30);
  fmov_x_d(30, 29);
  for (u32 k = 0; k < job.carries; k++) {
    if (is_flag(&job.carry[k])) continue;
    if (job.carry[k].at == 30 * 64) str_d(27, job.carry[k].to);
    else str(job.carry[k].at / 64, job.carry[k].to);
  }
  fmov_d_x(20, 28);
  fmov_d_x(23, 29);
  emit(0xd53b4200 | 29);  // mrs x29, nzcv
  fmov_d_x(22, 29);
  for (u32 k = 0; k < job.carries; k++)
    if (is_flag(&job.carry[k])) {
      u32 bit = job.carry[k].at % 64;
      emit(0xd3400000 | bit << 16 | bit << 10 | 29 << 5 | 28);  // ubfx x28, x29
      str(28, job.carry[k].to);
    }
  emit(0x91000000 | job.record << 10 | 30 << 5 | 30);
  fmov_d_x(29, 30);
  fmov_x_d(30, 28);
  emit(0x91000000 | job.record << 10 | 30 << 5 | 30);
  fmov_d_x(28, 30);
  fmov_x_d(30, 26);
  emit(0xd1000000 | 1 << 10 | 30 << 5 | 30);
  fmov_d_x(26, 30);
  emit(0xb5000000 | ((u32)((FAST - (u64)emit_) / 4) & 0x7ffff) << 5 | 30);
  emit(0xd2800000 | ((u32)(u64)fast_exit & 0xffff) << 5 | 30);
  emit(0xf2a00000 | ((u32)(u64)fast_exit >> 16) << 5 | 30);
  emit(0xd61f0000 | 30 << 5);
  emit_ = (u32 *)(ISLAND + job.code_bytes);
  branch(behind);
}

static int fast_strayed(const struct state *start, const struct state *after) {
  u64 differ = 0, regs = 0, flags = 0;
  for (u32 k = 0; k < job.carries; k++) {
    if (is_flag(&job.carry[k])) flags |= 1ul << job.carry[k].at % 64;
    else regs |= 1u << job.carry[k].at / 64;
  }
  for (u32 i = 0; i < 31; i++) if (!(regs >> i & 1)) differ |= start->x[i] ^ after->x[i];
  differ |= (start->pstate ^ after->pstate) & NZCV & ~flags;
  return differ != 0;
}
