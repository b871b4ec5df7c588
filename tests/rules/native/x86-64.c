/* Runs one x86-64 instruction a record, read from standard input, and writes the state after it. */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct record {
  uint8_t code[16];
  uint64_t length;
  uint64_t g[16];
  uint64_t flags;
  uint64_t v[4][4];
  uint8_t memory[256];
};

#define CODE ((uint8_t *)0x20000000)
#define MEMORY ((uint8_t *)0x20001000)
#define STATE ((struct record *)0x20002000) /* g at +24, flags at +152, v at +160 */

extern void execute(void);
extern char after[];
__asm__(".intel_syntax noprefix\n.text\n.global execute\nexecute:\n"
        "push rbx\n push rbp\n push r12\n push r13\n push r14\n push r15\n"
        "mov [0x20003000], rsp\n"
        "vmovdqu ymm0, [0x200020a0]\n vmovdqu ymm1, [0x200020c0]\n vmovdqu ymm2, [0x200020e0]\n vmovdqu ymm3, [0x20002100]\n"
        "push qword ptr [0x20002098]\n popfq\n"
        "mov rax, [0x20002018]\n mov rcx, [0x20002020]\n mov rdx, [0x20002028]\n mov rbx, [0x20002030]\n"
        "mov rsp, [0x20002038]\n mov rbp, [0x20002040]\n mov rsi, [0x20002048]\n mov rdi, [0x20002050]\n"
        "mov r8, [0x20002058]\n mov r9, [0x20002060]\n mov r10, [0x20002068]\n mov r11, [0x20002070]\n"
        "mov r12, [0x20002078]\n mov r13, [0x20002080]\n mov r14, [0x20002088]\n mov r15, [0x20002090]\n"
        "jmp qword ptr [0x20003008]\n"
        ".global after\nafter:\n"
        "mov [0x20002018], rax\n mov [0x20002020], rcx\n mov [0x20002028], rdx\n mov [0x20002030], rbx\n"
        "mov [0x20002038], rsp\n mov [0x20002040], rbp\n mov [0x20002048], rsi\n mov [0x20002050], rdi\n"
        "mov [0x20002058], r8\n mov [0x20002060], r9\n mov [0x20002068], r10\n mov [0x20002070], r11\n"
        "mov [0x20002078], r12\n mov [0x20002080], r13\n mov [0x20002088], r14\n mov [0x20002090], r15\n"
        "mov rsp, [0x20003000]\n pushfq\n pop qword ptr [0x20002098]\n cld\n"
        "vmovdqu [0x200020a0], ymm0\n vmovdqu [0x200020c0], ymm1\n vmovdqu [0x200020e0], ymm2\n vmovdqu [0x20002100], ymm3\n"
        "vzeroupper\n"
        "pop r15\n pop r14\n pop r13\n pop r12\n pop rbp\n pop rbx\n ret\n.att_syntax prefix\n");

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
  mmap((void *)0x20000000, 0x4000, 7, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  *(uint64_t *)0x20003008 = 0x20000000;
  *(uint64_t *)0x20003010 = (uint64_t)after;
  while (whole(0, &r, sizeof r)) {
    static const uint8_t back[] = {0xff, 0x24, 0x25, 0x10, 0x30, 0x00, 0x20}; /* jmp [0x20003010] */
    memcpy(CODE, r.code, r.length);
    memcpy(CODE + r.length, back, sizeof back);
    memcpy(MEMORY, r.memory, sizeof r.memory);
    memcpy(STATE, &r, sizeof r);
    execute();
    memcpy(&r, STATE, sizeof r);
    memcpy(r.memory, MEMORY, sizeof r.memory);
    if (write(1, &r, sizeof r) != sizeof r) return 1;
  }
  return 0;
}
