// What the C programs of these tests share: each prints what system calls gave, so that Linux, qemu-user and SAGE can
// be compared. Numbers that differ from run to run are never printed. argv[1] is an empty folder to work in.
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// "what: 5" or "what: -1 ENOENT".
static inline long show(const char *what, long result) {
  if (result == -1) printf("%s: -1 %s\n", what, strerrorname_np(errno));
  else printf("%s: %ld\n", what, result);
  return result;
}
// For results whose value is free: only whether it worked.
static inline long okay(const char *what, long result) {
  if (result == -1) printf("%s: -1 %s\n", what, strerrorname_np(errno));
  else printf("%s: ok\n", what);
  return result;
}
static inline void is(const char *what, int truth) { printf("%s: %s\n", what, truth ? "yes" : "no"); }

#define SHOW(call) show(#call, (long)(call))
#define OKAY(call) okay(#call, (long)(call))
#define IS(condition) is(#condition, !!(condition))

static inline void enter(int argc, char **argv) {
  if (argc != 2 || chdir(argv[1]) != 0) {
    fprintf(stderr, "give an empty folder\n");
    exit(2);
  }
}
static inline int make(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  ssize_t put = write(fd, text, strlen(text));
  close(fd);
  return put == (ssize_t)strlen(text) ? 0 : -1;
}
