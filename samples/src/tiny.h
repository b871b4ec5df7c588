// Start code, raw system calls and printing for samples that need no C library. One block of assembly per ISA.
#pragma once
typedef unsigned long word;

long sample_main(int argc, char **argv, char **envp);

#if defined(__riscv) && __riscv_xlen == 64
__asm__(".globl _start\n"
        "_start:\n"
        ".option push\n.option norelax\n"
        "  la gp, __global_pointer$\n"
        ".option pop\n"
        "  mv a0, sp\n"
        "  andi sp, sp, -16\n"
        "  call tiny_start\n");
enum { SYS_openat = 56, SYS_close = 57, SYS_read = 63, SYS_write = 64, SYS_exit = 93, SYS_rt_sigaction = 134 };
enum { SYS_brk = 214, SYS_mmap = 222, SYS_mprotect = 226 };
enum { SA_RESTORER = 0 };
static inline long syscall6(long n, long a, long b, long c, long d, long e, long f) {
  register long a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c, a3 __asm__("a3") = d,
                a4 __asm__("a4") = e, a5 __asm__("a5") = f, a7 __asm__("a7") = n;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7) : "memory");
  return a0;
}
#elif defined(__aarch64__)
__asm__(".globl _start\n"
        "_start:\n"
        "  mov x0, sp\n"
        "  mov x29, xzr\n"
        "  bl tiny_start\n");
enum { SYS_openat = 56, SYS_close = 57, SYS_read = 63, SYS_write = 64, SYS_exit = 93, SYS_rt_sigaction = 134 };
enum { SYS_brk = 214, SYS_mmap = 222, SYS_mprotect = 226 };
enum { SA_RESTORER = 0 };
static inline long syscall6(long n, long a, long b, long c, long d, long e, long f) {
  register long x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c, x3 __asm__("x3") = d,
                x4 __asm__("x4") = e, x5 __asm__("x5") = f, x8 __asm__("x8") = n;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5), "r"(x8) : "memory");
  return x0;
}
#elif defined(__x86_64__)
__asm__(".globl _start\n"
        "_start:\n"
        "  mov %rsp, %rdi\n"
        "  xor %ebp, %ebp\n"
        "  and $-16, %rsp\n"
        "  call tiny_start\n"
        ".globl tiny_restorer\n"
        "tiny_restorer:\n"
        "  mov $15, %eax\n"
        "  syscall\n");
void tiny_restorer(void);
enum { SYS_openat = 257, SYS_close = 3, SYS_read = 0, SYS_write = 1, SYS_exit = 60, SYS_rt_sigaction = 13 };
enum { SYS_brk = 12, SYS_mmap = 9, SYS_mprotect = 10 };
enum { SA_RESTORER = 0x04000000 };
static inline long syscall6(long n, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
  __asm__ volatile("syscall" : "+a"(n) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return n;
}
#else
#error "tiny.h has no start code for this ISA yet"
#endif

static inline long syscall3(long n, long a, long b, long c) { return syscall6(n, a, b, c, 0, 0, 0); }

// The kernel's own structure: only x86-64 has a restorer.
struct action {
  void (*handler)(int, const char *, const char *);
  word flags;
#if defined(__x86_64__)
  void (*restorer)(void);
#endif
  word mask;
};
static inline void catch(int signal, void (*handler)(int, const char *, const char *), word flags) {
  struct action action = {.handler = handler, .flags = flags | SA_RESTORER};
#if defined(__x86_64__)
  action.restorer = tiny_restorer;
#endif
  syscall6(SYS_rt_sigaction, signal, (long)&action, 0, 8, 0, 0);
}

static inline void quit(long code) {
  for (;;) syscall3(SYS_exit, code, 0, 0);
}

static inline word length(const char *text) {
  word n = 0;
  while (text[n]) n++;
  return n;
}

static inline int same(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

static inline void say(const char *text) { syscall3(SYS_write, 1, (long)text, length(text)); }

static inline void say_number(word value, word base) {
  char digits[66], *at = digits + 65;
  *at = 0;
  do *--at = "0123456789abcdef"[value % base];
  while (value /= base);
  say(at);
}

static inline void say_signed(long value) {
  if (value < 0) say("-");
  say_number(value < 0 ? -(word)value : (word)value, 10);
}

// The stack at start: argc, argv..., 0, envp..., 0, auxiliary vector.
__attribute__((used, noreturn)) void tiny_start(word *stack) {
  int argc = (int)stack[0];
  char **argv = (char **)(stack + 1);
  quit(sample_main(argc, argv, argv + argc + 1));
  __builtin_unreachable();
}

// The compiler may call these by itself.
__attribute__((used)) void *memset(void *to, int byte, word size) {
  char *at = to;
  while (size--) *at++ = (char)byte;
  return to;
}
__attribute__((used)) void *memcpy(void *to, const void *from, word size) {
  char *at = to;
  const char *source = from;
  while (size--) *at++ = *source++;
  return to;
}
