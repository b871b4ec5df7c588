/*
 * Runs one x86-64 instruction a record and writes the state after it: all of it, faults as well. The state goes in and
 * comes out through signal frames: the instruction is followed by int3, and the handler takes the registers, with
 * XSAVE's image, out of its context, puts in those of the next record, and returns into it.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

struct record {
  uint8_t code[16];
  uint64_t pc, signal, address, flags;
  uint64_t g[16];
  uint8_t fxsave[512];
  uint8_t high[16][16]; /* upper halves of YMM */
  uint8_t memory[1024];
};

#define CODE ((uint8_t *)0x20000000)
#define PAGE 4096
#define DATA ((uint8_t *)0x20004000)
#define WINDOW (DATA + PAGE - sizeof((struct record *)0)->memory)

static const int REGISTERS[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                  REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
static struct record record;
static int running;

static int whole(int fd, void *data, size_t size) {
  for (size_t got = 0; got < size;) {
    ssize_t n = read(fd, (char *)data + got, size - got);
    if (n <= 0) return 0;
    got += n;
  }
  return 1;
}

static void save(int signal, const siginfo_t *info, ucontext_t *u) {
  greg_t *g = u->uc_mcontext.gregs;
  uint8_t *image = (uint8_t *)u->uc_mcontext.fpregs;
  uint64_t present = *(uint64_t *)(image + 512);
  for (int i = 0; i < 16; i++) record.g[i] = g[REGISTERS[i]];
  record.pc = g[REG_RIP];
  record.signal = signal;
  record.address = signal == SIGSEGV ? (uint64_t)info->si_addr : (uint64_t)(int64_t)info->si_code;
  record.flags = g[REG_EFL];
  memcpy(record.fxsave, image, 512);
  memset(record.fxsave + 416, 0, 96);
  memcpy(record.high, image + 576, 256);
  if (!(present & 1)) {
    memset(record.fxsave, 0, 24);
    memset(record.fxsave + 32, 0, 128);
    record.fxsave[0] = 0x7f;
    record.fxsave[1] = 3;
  }
  if (!(present & 2)) memset(record.fxsave + 160, 0, 256);
  if (!(present & 4)) memset(record.high, 0, 256);
  memcpy(record.memory, WINDOW, sizeof record.memory);
}

static void load(ucontext_t *u) {
  greg_t *g = u->uc_mcontext.gregs;
  uint8_t *image = (uint8_t *)u->uc_mcontext.fpregs;
  for (int i = 0; i < 16; i++) g[REGISTERS[i]] = record.g[i];
  g[REG_RIP] = (greg_t)CODE;
  g[REG_EFL] = record.flags;
  memcpy(image, record.fxsave, 416);
  memcpy(image + 576, record.high, 256);
  *(uint64_t *)(image + 512) |= 7;
  memcpy(WINDOW, record.memory, sizeof record.memory);
  memset(CODE, 0xcc, PAGE);
  memcpy(CODE, record.code, 15);
}

static void handler(int signal, siginfo_t *info, void *context) {
  ucontext_t *u = context;
  if (running) {
    save(signal, info, u);
    if (write(1, &record, sizeof record) != sizeof record) _exit(1);
  }
  running = 1;
  if (!whole(0, &record, sizeof record)) _exit(0);
  load(u);
}

int main(void) {
  static const int signals[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
  size_t size = 1 << 16;
  stack_t stack = {.ss_sp = malloc(size), .ss_size = size};
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  mmap(CODE, PAGE, 7, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  mmap(DATA, PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  sigaltstack(&stack, 0);
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, 0);
  asm volatile("int3");
  return 1;
}
