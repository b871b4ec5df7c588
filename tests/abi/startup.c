#include "abi.h"
#include <elf.h>
#include <sys/auxv.h>

static __thread int counter = 41;
static __thread char zeros[100];
static int constructed;

__attribute__((constructor)) static void construct(void) { constructed = 1; }
__attribute__((destructor)) static void destruct(void) {
  puts("destructed");
  fflush(stdout);
}
static void at_exit(void) { puts("at exit"); }

int main(int argc, char **argv) {
  SHOW(argc);
  IS(argv[argc] == 0 && strlen(argv[1]) > 0);
  IS(constructed);
  counter++;
  IS(counter == 42 && zeros[99] == 0);
  SHOW(getauxval(AT_PAGESZ));
  IS(getauxval(AT_PHDR) != 0 && getauxval(AT_PHENT) == sizeof(Elf64_Phdr) && getauxval(AT_PHNUM) > 1);
  IS(getauxval(AT_ENTRY) != 0 && getauxval(AT_RANDOM) != 0);
  IS(getauxval(AT_UID) == getuid() && getauxval(AT_EGID) == getegid());
  SHOW(getauxval(AT_SECURE));
  IS(getauxval(AT_EXECFN) && strlen((char *)getauxval(AT_EXECFN)) > 0);
  IS(((uintptr_t)__builtin_frame_address(0) & 15) == 0);
  char buffer[1 << 20];
  memset(buffer, 1, sizeof buffer);
  IS(buffer[12345] == 1);
  IS(getenv("ABI") && strcmp(getenv("ABI"), "set") == 0);
  IS(getenv("HOME") == 0);
  extern char **environ;
  int variables = 0;
  for (char **e = environ; *e; e++) variables++;
  SHOW(variables);
  fprintf(stderr, "to standard error\n");
  atexit(at_exit);
  return 300 % 256;
}
