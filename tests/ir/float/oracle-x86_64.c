/* x86: SSE/AVX scalars with MXCSR (built with -march=native), x87 with its control word. */
#include "oracle.h"
#include "oracle-main.h"
#include <string.h>

static uint32_t fromStatus(uint32_t s) {
  /* IE 0, DE 1, ZE 2, OE 3, UE 4, PE 5 */
  return (s & 1) << 4 | (s & 2) << 4 | (s & 4) << 1 | (s & 8) >> 1 | (s & 16) >> 3 | (s & 32) >> 5;
}

#define RUN(text) \
  { asm volatile("ldmxcsr %[m]\nmovq %[a], %%xmm0\nmovq %[b], %%xmm1\nmovq %[c], %%xmm2\n" text "stmxcsr %[m]" \
               : [m] "+m"(mxcsr), [r] "=&r"(v) : [a] "r"(q->a[0]), [b] "r"(q->b[0]), [c] "r"(q->c[0]) \
               : "xmm0", "xmm1", "xmm2", "rax", "cc"); break; }
#define ARITH(text) RUN(text "\nmovq %%xmm0, %[r]\n")
#define TEST(insn, yes) RUN("xor %k[r], %k[r]\n" insn "\n" yes "\n")
#define INT(two, wide) \
  if (q->other) RUN(wide "\n") else RUN(two "\n")
#define INTO(two, wide) \
  if (q->other) ARITH(wide "\n") else ARITH(two "\n")

#define COMMON(f, F) \
  case ADD << 4 | F: ARITH("vadd" f " %%xmm1, %%xmm0, %%xmm0") \
  case SUB << 4 | F: ARITH("vsub" f " %%xmm1, %%xmm0, %%xmm0") \
  case MUL << 4 | F: ARITH("vmul" f " %%xmm1, %%xmm0, %%xmm0") \
  case DIV << 4 | F: ARITH("vdiv" f " %%xmm1, %%xmm0, %%xmm0") \
  case SQRT << 4 | F: ARITH("vsqrt" f " %%xmm0, %%xmm0, %%xmm0") \
  case FMA << 4 | F: ARITH("vfmadd213" f " %%xmm2, %%xmm0, %%xmm1\nvmovaps %%xmm1, %%xmm0") \
  case F2S << 4 | F: INT("vcvt" f "2si %%xmm0, %k[r]", "vcvt" f "2si %%xmm0, %q[r]") \
  case S2F << 4 | F: INTO("vcvtsi2" f "l %k[a], %%xmm0, %%xmm0", "vcvtsi2" f "q %q[a], %%xmm0, %%xmm0") \
  case FEQ << 4 | F: TEST("vucomi" f " %%xmm1, %%xmm0", "sete %b[r]\nsetnp %%al\nand %%al, %b[r]") \
  case FLT << 4 | F: TEST("vcomi" f " %%xmm0, %%xmm1", "seta %b[r]") \
  case FLE << 4 | F: TEST("vcomi" f " %%xmm0, %%xmm1", "setae %b[r]")
#define ROUND(f, insn, F) case FRINT << 4 | F: ARITH(insn f " $4, %%xmm0, %%xmm0, %%xmm0")
#define UNSIGNED(f, F) \
  case F2U << 4 | F: INT("vcvt" f "2usi %%xmm0, %k[r]", "vcvt" f "2usi %%xmm0, %q[r]") \
  case U2F << 4 | F: INTO("vcvtusi2" f "l %k[a], %%xmm0, %%xmm0", "vcvtusi2" f "q %q[a], %%xmm0, %%xmm0")

static void sse(const struct question *q, struct answer *r) {
  static const uint32_t modes[] = {0, 3, 1, 2};
  uint32_t mxcsr = 0x1f80 | modes[q->rm & 7] << 13 | (q->rm & 8) << 3 | (q->rm & 16) << 11;
  uint64_t v = 0;
  /* Precision control is x87's; comparisons have no mode argument. */
  if (q->rm & 0x60 || (q->rm & 8 && q->kind >= FEQ)) {
    r->known = 0;
    return;
  }
  if (q->kind == F2F) {
    switch (q->format << 4 | q->other) {
      case F32 << 4 | F64: ARITH("vcvtss2sd %%xmm0, %%xmm0, %%xmm0")
      case F64 << 4 | F32: ARITH("vcvtsd2ss %%xmm0, %%xmm0, %%xmm0")
#ifdef __AVX512FP16__
      case F16 << 4 | F32: ARITH("vcvtsh2ss %%xmm0, %%xmm0, %%xmm0")
      case F16 << 4 | F64: ARITH("vcvtsh2sd %%xmm0, %%xmm0, %%xmm0")
      case F32 << 4 | F16: ARITH("vcvtss2sh %%xmm0, %%xmm0, %%xmm0")
      case F64 << 4 | F16: ARITH("vcvtsd2sh %%xmm0, %%xmm0, %%xmm0")
#endif
      default: r->known = 0;
    }
  } else {
    switch (q->kind << 4 | q->format) {
#ifdef __FMA__
      COMMON("ss", F32)
      COMMON("sd", F64)
      ROUND("ss", "vround", F32)
      ROUND("sd", "vround", F64)
#endif
#ifdef __AVX512F__
      UNSIGNED("ss", F32)
      UNSIGNED("sd", F64)
#endif
#ifdef __AVX512FP16__
      COMMON("sh", F16)
      ROUND("sh", "vrndscale", F16)
      UNSIGNED("sh", F16)
#endif
      default: r->known = 0;
    }
  }
  r->result[0] = v;
  r->flags = fromStatus(mxcsr);
}

#define X87(text) \
  { asm volatile("fnclex\nfldt %[b]\nfldt %[a]\n" text "\nfnstsw %[s]\nfninit" \
               : [s] "=m"(status), [r] "=m"(out) : [a] "m"(a), [b] "m"(b) : "cc", "rax", "memory"); break; }
#define KEEP "\nfstpt %[r]"
#define STACK(text) \
  { asm volatile("fnclex\n" text "\nfnstsw %[s]\nfninit" \
               : [s] "=m"(status), [r] "=m"(out) : [a] "m"(a), [b] "m"(b) : "cc", "rax", "memory"); break; }
#define COMPARE87(insn, yes) X87(insn " %%st(1), %%st\n" yes " %%al\nmovb %%al, %[r]")

static void x87(const struct question *q, struct answer *r) {
  static const uint16_t modes[] = {0, 3, 1, 2};
  static const uint16_t precisions[] = {0x300, 0x200, 0, 0x300};
  uint16_t control = 0x007f | precisions[q->rm >> 5 & 3] | modes[q->rm & 7] << 10, status = 0;
  unsigned char a[16], b[16], out[16] = {0};
  if (q->rm & 0x18) {
    r->known = 0;
    return;
  }
  memcpy(a, q->a, 16);
  memcpy(b, q->b, 16);
  asm volatile("fninit\nfldcw %0" : : "m"(control));
  switch (q->kind) {
    case ADD: X87("fadd %%st(1), %%st" KEEP)
    case SUB: X87("fsub %%st(1), %%st" KEEP)
    case MUL: X87("fmul %%st(1), %%st" KEEP)
    case DIV: X87("fdiv %%st(1), %%st" KEEP)
    case SQRT: X87("fsqrt" KEEP)
    case FRINT: X87("frndint" KEEP)
    case FEQ: X87("fucomi %%st(1), %%st\nsete %%al\nsetnp %%ah\nand %%ah, %%al\nmovb %%al, %[r]")
    case FLT: X87("fxch\nfcomi %%st(1), %%st\nseta %%al\nmovb %%al, %[r]")
    case FLE: X87("fxch\nfcomi %%st(1), %%st\nsetae %%al\nmovb %%al, %[r]")
    case F2S:
      if (q->other) X87("fistpll %[r]") else X87("fistpl %[r]")
    case S2F:
      if (q->other) STACK("fildll %[a]" KEEP) else STACK("fildl %[a]" KEEP)
    case F2F:
      if (q->other == F64) X87("fstpl %[r]")
      if (q->other == F32) X87("fstps %[r]")
      r->known = 0;
      break;
    default: r->known = 0;
  }
  memcpy(r->result, out, 16);
  r->flags = fromStatus(status);
}

static void answer(const struct question *q, struct answer *r) {
  if ((q->rm & 7) > 3) {
    r->known = 0;
    return;
  }
  if (q->format == F80) x87(q, r);
  else if (q->kind == F2F && q->other == F80) r->known = 0;
  else sse(q, r);
}
