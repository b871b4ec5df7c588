#if defined(__riscv)
#include "riscv64.h"
#elif defined(__aarch64__)
#include "aarch64.h"
#elif defined(__x86_64__)
#include "x86_64.h"
#endif
