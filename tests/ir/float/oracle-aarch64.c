/* Arm: scalar half, single and double precision, FPCR.RMode. */
#include "oracle.h"
#include "oracle-main.h"

#define W32 "w"
#define W64 "x"

#define LOAD(f) \
  "msr fpcr, %[rm]\nmsr fpsr, xzr\n" \
  "fmov d0, %[a]\nfmov d1, %[b]\nfmov d2, %[c]\n"
#define RUN(text) \
  { asm volatile(".arch armv8.4-a+fp16\n" text "mrs %[e], fpsr\nmsr fpcr, xzr" : [r] "=&r"(v), [e] "=&r"(e) \
               : [a] "r"(q->a[0]), [b] "r"(q->b[0]), [c] "r"(q->c[0]), [rm] "r"(rm) \
               : "v0", "v1", "v2", "v3"); break; }
#define ARITH(f, text) RUN(LOAD(f) text "\nfmov %[r], d3\n")
#define TO(f, g) ARITH(f, "fcvt " #g "3, " #f "0")
#define TEST(f, insn, cond) RUN(LOAD(f) insn " " #f "0, " #f "1\ncset %[r], " cond "\n")

#define FORMAT(f, F) \
  case ADD << 4 | F: ARITH(f, "fadd " #f "3, " #f "0, " #f "1") \
  case SUB << 4 | F: ARITH(f, "fsub " #f "3, " #f "0, " #f "1") \
  case MUL << 4 | F: ARITH(f, "fmul " #f "3, " #f "0, " #f "1") \
  case DIV << 4 | F: ARITH(f, "fdiv " #f "3, " #f "0, " #f "1") \
  case SQRT << 4 | F: ARITH(f, "fsqrt " #f "3, " #f "0") \
  case FMA << 4 | F: ARITH(f, "fmadd " #f "3, " #f "0, " #f "1, " #f "2") \
  case FRINT << 4 | F: ARITH(f, "frintx " #f "3, " #f "0") \
  case F2S << 4 | F: \
    if (q->rm != 1) { r->known = 0; return; } \
    if (q->other) RUN(LOAD(f) "fcvtzs %x[r], " #f "0\n") else RUN(LOAD(f) "fcvtzs %w[r], " #f "0\n") \
  case F2U << 4 | F: \
    if (q->rm != 1) { r->known = 0; return; } \
    if (q->other) RUN(LOAD(f) "fcvtzu %x[r], " #f "0\n") else RUN(LOAD(f) "fcvtzu %w[r], " #f "0\n") \
  case S2F << 4 | F: \
    if (q->other) ARITH(f, "scvtf " #f "3, %x[a]") else ARITH(f, "scvtf " #f "3, %w[a]") \
  case U2F << 4 | F: \
    if (q->other) ARITH(f, "ucvtf " #f "3, %x[a]") else ARITH(f, "ucvtf " #f "3, %w[a]") \
  case FEQ << 4 | F: TEST(f, "fcmp", "eq") \
  case FLT << 4 | F: TEST(f, "fcmpe", "mi") \
  case FLE << 4 | F: TEST(f, "fcmpe", "ls")

static void answer(const struct question *q, struct answer *r) {
  static const uint64_t modes[] = {0, 3, 2, 1};
  uint64_t v = 0, e = 0;
  if (q->rm > 3) {
    r->known = 0;
    return;
  }
  uint64_t rm = modes[q->rm] << 22;
  if (q->kind == F2F) {
    switch (q->format << 4 | q->other) {
      case F16 << 4 | F32: TO(h, s)
      case F16 << 4 | F64: TO(h, d)
      case F32 << 4 | F16: TO(s, h)
      case F32 << 4 | F64: TO(s, d)
      case F64 << 4 | F16: TO(d, h)
      case F64 << 4 | F32: TO(d, s)
      default: r->known = 0;
    }
  } else {
    switch (q->kind << 4 | q->format) {
      FORMAT(h, F16)
      FORMAT(s, F32)
      FORMAT(d, F64)
      default: r->known = 0;
    }
  }
  r->result[0] = v;
  /* FPSR: IOC 0, DZC 1, OFC 2, UFC 3, IXC 4. */
  r->flags = (e & 1) << 4 | (e & 2) << 2 | (e & 4) | (e & 8) >> 2 | (e & 16) >> 4;
}
