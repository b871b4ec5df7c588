/* One case of the floating-point oracle: read from standard input, answered on standard output. */
#include <stdint.h>

enum kind { ADD, SUB, MUL, DIV, SQRT, FMA, F2F, F2S, F2U, S2F, U2F, FRINT, FEQ, FLT, FLE };
enum format { F16, F32, F64, F80 };

struct question {
  uint8_t kind;
  uint8_t format; /* of the arguments; s2f, u2f: of the result */
  uint8_t other;  /* f2f: format of the result; integers: 0 32 bits, 1 64 bits */
  uint8_t rm;     /* 0 rne, 1 rtz, 2 rdn, 3 rup, 4 rmm */
  uint32_t pad;
  uint64_t a[2], b[2], c[2];
};

struct answer {
  uint64_t result[2];
  uint32_t flags; /* 1 NX, 2 UF, 4 OF, 8 DZ, 16 NV, 32 DE */
  uint32_t known; /* 0: this machine has no such operation */
};
