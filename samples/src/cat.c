// Copies the named files (or standard input) to standard output. Exit code 1, and a line, where a file cannot be opened.
#include "tiny.h"

static char buffer[4096];

static int copy(long file) {
  for (;;) {
    long got = syscall3(SYS_read, file, (long)buffer, sizeof buffer);
    if (got <= 0) return got < 0;
    for (long done = 0; done < got;) {
      long put = syscall3(SYS_write, 1, (long)buffer + done, got - done);
      if (put <= 0) return 1;
      done += put;
    }
  }
}

long sample_main(int argc, char **argv, char **envp) {
  (void)envp;
  if (argc < 2) return copy(0);
  int failed = 0;
  for (int i = 1; i < argc; i++) {
    long file = syscall6(SYS_openat, -100, (long)argv[i], 0, 0, 0, 0);
    if (file < 0) {
      say("cannot open ");
      say(argv[i]);
      say(": error ");
      say_number(-file, 10);
      say("\n");
      failed = 1;
      continue;
    }
    failed |= copy(file);
    syscall3(SYS_close, file, 0, 0);
  }
  return failed;
}
