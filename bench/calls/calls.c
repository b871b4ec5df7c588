// System calls: one kind a run, argv[1] names it, argv[2] tells how often, argv[3] is a file that may come and go.
// Prints nanoseconds of elapsed time a call.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}
static int word;
static void futex(int op, int value) { syscall(SYS_futex, &word, op | FUTEX_PRIVATE_FLAG, value, 0, 0, 0); }
static int rounds;
static void *partner(void *arg) {
  (void)arg;
  for (int i = 0; i < rounds; i++) {
    while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) != 1) futex(FUTEX_WAIT, 0);
    __atomic_store_n(&word, 0, __ATOMIC_SEQ_CST);
    futex(FUTEX_WAKE, 1);
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  const char *kind = argv[1];
  rounds = atoi(argv[2]);
  char buffer[4096];
  double start = now();
  if (!strcmp(kind, "getpid")) {
    for (int i = 0; i < rounds; i++) syscall(SYS_getpid);
  } else if (!strcmp(kind, "read")) {
    int fd = open("/dev/zero", O_RDONLY);
    start = now();
    for (int i = 0; i < rounds; i++) if (read(fd, buffer, sizeof buffer) != sizeof buffer) return 1;
  } else if (!strcmp(kind, "pipe")) {
    int there[2], back[2];
    if (pipe(there) || pipe(back)) return 1;
    if (fork() == 0) {
      for (int i = 0; i < rounds; i++) if (read(there[0], buffer, 1) != 1 || write(back[1], buffer, 1) != 1) _exit(1);
      _exit(0);
    }
    start = now();
    for (int i = 0; i < rounds; i++) if (write(there[1], buffer, 1) != 1 || read(back[0], buffer, 1) != 1) return 1;
    wait(0);
  } else if (!strcmp(kind, "fork")) {
    for (int i = 0; i < rounds; i++) {
      if (fork() == 0) _exit(0);
      wait(0);
    }
  } else if (!strcmp(kind, "futex")) {
    pthread_t thread;
    pthread_create(&thread, 0, partner, 0);
    start = now();
    for (int i = 0; i < rounds; i++) {
      __atomic_store_n(&word, 1, __ATOMIC_SEQ_CST);
      futex(FUTEX_WAKE, 1);
      while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) != 0) futex(FUTEX_WAIT, 1);
    }
    pthread_join(thread, 0);
  } else if (!strcmp(kind, "file")) {
    for (int i = 0; i < rounds; i++) {
      int fd = open(argv[3], O_CREAT | O_WRONLY, 0600);
      if (fd < 0 || write(fd, "x", 1) != 1) return 1;
      close(fd);
      unlink(argv[3]);
    }
  } else return 2;
  printf("%.0f\n", (now() - start) / rounds);
}
