/* Runs one AArch64 instruction a record, read from standard input, and writes the state after it. */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct record {
  uint64_t word;
  uint64_t x[9]; /* x8 points at the memory below */
  uint64_t nzcv;
  uint64_t v[4][2];
  uint8_t memory[64];
};

#define CODE ((uint32_t *)0x20000000)
#define MEMORY ((uint8_t *)0x20001100)

extern void execute(struct record *r, void *code);
__asm__(".text\n.global execute\nexecute:\n"
        "stp x19, x20, [sp, #-32]!\n stp x29, x30, [sp, #16]\n mov x19, x0\n mov x20, x1\n"
        "ldr x9, [x19, #80]\n msr nzcv, x9\n"
        "ldur q0, [x19, #88]\n ldur q1, [x19, #104]\n ldur q2, [x19, #120]\n ldur q3, [x19, #136]\n"
        "ldp x0, x1, [x19, #8]\n ldp x2, x3, [x19, #24]\n ldp x4, x5, [x19, #40]\n ldp x6, x7, [x19, #56]\n"
        "ldr x8, [x19, #72]\n blr x20\n"
        "stp x0, x1, [x19, #8]\n stp x2, x3, [x19, #24]\n stp x4, x5, [x19, #40]\n stp x6, x7, [x19, #56]\n"
        "str x8, [x19, #72]\n mrs x9, nzcv\n str x9, [x19, #80]\n"
        "str q0, [x19, #88]\n str q1, [x19, #104]\n str q2, [x19, #120]\n str q3, [x19, #136]\n"
        "ldp x29, x30, [sp, #16]\n ldp x19, x20, [sp], #32\n ret\n");

static int whole(int fd, void *data, size_t size) {
  for (size_t got = 0; got < size;) {
    ssize_t n = read(fd, (char *)data + got, size - got);
    if (n <= 0) return 0;
    got += n;
  }
  return 1;
}

int main(void) {
  struct record r;
  mmap((void *)0x20000000, 0x2000, 7, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  while (whole(0, &r, sizeof r)) {
    CODE[0] = r.word;
    CODE[1] = 0xd65f03c0; /* ret */
    __builtin___clear_cache((char *)CODE, (char *)(CODE + 2));
    memcpy(MEMORY, r.memory, sizeof r.memory);
    execute(&r, CODE);
    memcpy(r.memory, MEMORY, sizeof r.memory);
    if (write(1, &r, sizeof r) != sizeof r) return 1;
  }
  return 0;
}
