// The fast loop on RV64: x31 is its base, f25 to f29 keep what it lives by while the code under test has all registers.
#define F_REST31 25
#define F_COUNT 26
#define F_AFTER31 27
#define F_IN 28
#define F_OUT 29

#define EACH(m) m(1) m(2) m(3) m(4) m(5) m(6) m(7) m(8) m(9) m(10) m(11) m(12) m(13) m(14) m(15) m(16) m(17) m(18) m(19) \
  m(20) m(21) m(22) m(23) m(24) m(25) m(26) m(27) m(28) m(29) m(30)
#define OWN(m) m(ra, 0) m(gp, 8) m(tp, 16) m(s0, 24) m(s1, 32) m(s2, 40) m(s3, 48) m(s4, 56) m(s5, 64) m(s6, 72) m(s7, 80) \
  m(s8, 88) m(s9, 96) m(s10, 104) m(s11, 112)
#define OWN_SAVE(r, at) "sd " #r ", " #at "(sp)\n"
#define OWN_LOAD(r, at) "ld " #r ", " #at "(sp)\n"
#define X_LOAD(i) "ld x" #i ", 8*" #i "(x31)\n"
#define X_SAVE(i) "sd x" #i ", 8*" #i "(x31)\n"
#define F_LOAD(i) "fld f" #i ", 256+8*" #i "(a0)\n"
#define F_SAVE(i) "fsd f" #i ", 256+8*" #i "(x31)\n"

asm(".globl fast_run, fast_exit, fast_abort\n"
    "fast_run: addi sp, sp, -128\n" OWN(OWN_SAVE)
    "la t0, fast_sp\n sd sp, (t0)\n la t0, fast_after\n sd a1, (t0)\n"
    "ld t0, 512(a0)\n fscsr t0\n"
    "fld f0, 256(a0)\n fld f31, 504(a0)\n" EACH(F_LOAD)
    "ld t0, 248(a0)\n fmv.d.x f25, t0\n fmv.d.x f26, a4\n fmv.d.x f28, a2\n fmv.d.x f29, a3\n"
    "mv x31, a0\n" EACH(X_LOAD) "li x31, 0x4b340000\n jr x31\n"
    "fast_exit: la x31, fast_after\n ld x31, (x31)\n" EACH(X_SAVE)
    "fsd f0, 256(x31)\n fsd f31, 504(x31)\n" EACH(F_SAVE) "fsd f27, 248(x31)\n frcsr t0\n sd t0, 512(x31)\n"
    "fast_abort: la x31, fast_sp\n ld sp, (x31)\n" OWN(OWN_LOAD) "addi sp, sp, 128\n ret\n");

static int fast_carries(const struct carry *c) { return c->bits == 64 && c->at >= 64 && c->at < 2048 && c->at % 64 == 0; }

static void fmv_x_d(u32 x, u32 f) { emit(0xe2000053 | x << 7 | f << 15); }
static void fmv_d_x(u32 f, u32 x) { emit(0xf2000053 | f << 7 | x << 15); }
static void jump_to(u64 target) {
  u32 by = (u32)(target - (u64)emit_);
  emit(0x6f | (by & 0x100000) << 11 | (by & 0x7fe) << 20 | (by & 0x800) << 9 | (by & 0xff000));
}

static void fast_generate(void) {
  emit_ = (u32 *)FAST;
  int base = 0;
  u32 base_to = 0;
  fmv_x_d(31, F_IN);
  for (u32 k = 0; k < job.carries; k++) {
    u32 x = job.carry[k].at / 64;
    if (x == 31) { base = 1; base_to = job.carry[k].to; }
    else emit(0x3003 | x << 7 | 31 << 15 | job.carry[k].to << 20);
  }
  if (base) emit(0x3003 | 31 << 7 | 31 << 15 | base_to << 20);
  else fmv_x_d(31, F_REST31);
  jump_to(ISLAND);
  u64 behind = (u64)emit_;
  fmv_d_x(F_AFTER31, 31);
  fmv_x_d(31, F_OUT);
  for (u32 k = 0; k < job.carries; k++) {
    u32 x = job.carry[k].at / 64, to = job.carry[k].to;
    u32 split = (to & 31) << 7 | (to >> 5) << 25;
    if (x == 31) emit(0x3027 | F_AFTER31 << 20 | 31 << 15 | split);
    else emit(0x3023 | x << 20 | 31 << 15 | split);
  }
  emit(0x13 | 31 << 7 | 31 << 15 | job.record << 20);
  fmv_d_x(F_OUT, 31);
  fmv_x_d(31, F_IN);
  emit(0x13 | 31 << 7 | 31 << 15 | job.record << 20);
  fmv_d_x(F_IN, 31);
  fmv_x_d(31, F_COUNT);
  emit(0x13 | 31 << 7 | 31 << 15 | 0xfffu << 20);
  fmv_d_x(F_COUNT, 31);
  emit(0x63 | 31 << 15 | 8 << 7);  // beq x31, zero, +8
  jump_to(FAST);
  u64 out = (u64)fast_exit;
  emit(0x37 | 31 << 7 | (u32)((out + 0x800) & 0xfffff000));
  emit(0x67 | 31 << 15 | (u32)(out & 0xfff) << 20);
  // Behind the code: only a place that the code may begin an instruction at is written
  u64 end = ISLAND + job.code_bytes;
  u32 by = (u32)(behind - end);
  u32 jump = 0x6f | (by & 0x100000) << 11 | (by & 0x7fe) << 20 | (by & 0x800) << 9 | (by & 0xff000);
  ((volatile uint16_t *)end)[0] = (uint16_t)jump;
  ((volatile uint16_t *)end)[1] = (uint16_t)(jump >> 16);
}

static int fast_strayed(const struct state *start, const struct state *after) {
  u64 differ = start->fcsr ^ after->fcsr;
  u32 carried = 1;
  for (u32 k = 0; k < job.carries; k++) carried |= 1u << (job.carry[k].at / 64);
  for (u32 i = 1; i < 32; i++) if (!(carried >> i & 1)) differ |= start->x[i] ^ after->x[i];
  for (u32 i = 0; i < 32; i++) if (i < F_REST31 || i > F_OUT) differ |= start->f[i] ^ after->f[i];
  return differ != 0;
}
