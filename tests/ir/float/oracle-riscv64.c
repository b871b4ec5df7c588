/* RISC-V: F, D and Zfh with the dynamic rounding mode. */
#include "oracle.h"
#include "oracle-main.h"

#define H ".option push\n.option arch, +zfh\n"
#define POP "\n.option pop\n"

#define IN_h "fmv.h.x"
#define IN_s "fmv.w.x"
#define IN_d "fmv.d.x"
#define OUT_h "fmv.x.h"
#define OUT_s "fmv.x.w"
#define OUT_d "fmv.x.d"

#define LOAD(f) \
  H IN_##f " ft0, %[a]\n" IN_##f " ft1, %[b]\n" IN_##f " ft2, %[c]\n" \
  "fsrm %[rm]\nfsflags zero\n"
#define RUN(text) \
  { asm volatile(text "frflags %[e]" POP : [r] "=&r"(v), [e] "=&r"(e) \
               : [a] "r"(q->a[0]), [b] "r"(q->b[0]), [c] "r"(q->c[0]), [rm] "r"((uint64_t)q->rm) \
               : "ft0", "ft1", "ft2", "ft3"); break; }
#define ARITH(f, text) RUN(LOAD(f) text "\n" OUT_##f " %[r], ft3\n")
#define TO(f, g) RUN(LOAD(f) "fcvt." #g "." #f " ft3, ft0\n" OUT_##g " %[r], ft3\n")

#define FORMAT(f, F) \
  case ADD << 4 | F: ARITH(f, "fadd." #f " ft3, ft0, ft1, dyn") \
  case SUB << 4 | F: ARITH(f, "fsub." #f " ft3, ft0, ft1, dyn") \
  case MUL << 4 | F: ARITH(f, "fmul." #f " ft3, ft0, ft1, dyn") \
  case DIV << 4 | F: ARITH(f, "fdiv." #f " ft3, ft0, ft1, dyn") \
  case SQRT << 4 | F: ARITH(f, "fsqrt." #f " ft3, ft0, dyn") \
  case FMA << 4 | F: ARITH(f, "fmadd." #f " ft3, ft0, ft1, ft2, dyn") \
  case F2S << 4 | F: \
    if (q->other) RUN(LOAD(f) "fcvt.l." #f " %[r], ft0, dyn\n") else RUN(LOAD(f) "fcvt.w." #f " %[r], ft0, dyn\n") \
  case F2U << 4 | F: \
    if (q->other) RUN(LOAD(f) "fcvt.lu." #f " %[r], ft0, dyn\n") else RUN(LOAD(f) "fcvt.wu." #f " %[r], ft0, dyn\n") \
  case S2F << 4 | F: \
    if (q->other) ARITH(f, "fcvt." #f ".l ft3, %[a]") else ARITH(f, "fcvt." #f ".w ft3, %[a]") \
  case U2F << 4 | F: \
    if (q->other) ARITH(f, "fcvt." #f ".lu ft3, %[a]") else ARITH(f, "fcvt." #f ".wu ft3, %[a]") \
  case FEQ << 4 | F: RUN(LOAD(f) "feq." #f " %[r], ft0, ft1\n") \
  case FLT << 4 | F: RUN(LOAD(f) "flt." #f " %[r], ft0, ft1\n") \
  case FLE << 4 | F: RUN(LOAD(f) "fle." #f " %[r], ft0, ft1\n")

static void answer(const struct question *q, struct answer *r) {
  uint64_t v = 0, e = 0;
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
  r->flags = e;
}
