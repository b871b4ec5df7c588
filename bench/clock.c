// clock PROGRAM ARGS...: runs a program and writes its exit code, its CPU time (user and system, all threads) and its
// elapsed time, in microseconds, to file descriptor 3. A signal counts as 128 + its number, as in a shell.
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long microseconds(struct timeval t) { return t.tv_sec * 1000000LL + t.tv_usec; }

int main(int argc, char **argv) {
  struct timespec before, after;
  struct rusage used;
  int status;
  if (argc < 2) return 2;
  clock_gettime(CLOCK_MONOTONIC, &before);
  pid_t child = fork();
  if (child < 0) return 2;
  if (child == 0) {
    close(3);
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    _exit(127);
  }
  if (wait4(child, &status, 0, &used) < 0) return 2;
  clock_gettime(CLOCK_MONOTONIC, &after);
  int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  long long elapsed = (after.tv_sec - before.tv_sec) * 1000000LL + (after.tv_nsec - before.tv_nsec) / 1000;
  dprintf(3, "%d %lld %lld\n", code, microseconds(used.ru_utime) + microseconds(used.ru_stime), elapsed);
  return 0;
}
