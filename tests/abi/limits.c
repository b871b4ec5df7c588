#include "abi.h"
#include <sys/resource.h>

int main(int argc, char **argv) {
  enter(argc, argv);
  struct rlimit limit = {0, 0};
  SHOW(getrlimit(RLIMIT_NOFILE, &limit));
  IS(limit.rlim_cur >= 64 && limit.rlim_max >= limit.rlim_cur);
  SHOW(getrlimit(RLIMIT_STACK, &limit));
  IS(limit.rlim_cur >= 1 << 20);
  SHOW(getrlimit(99, &limit));
  limit = (struct rlimit){32, 32};
  SHOW(setrlimit(RLIMIT_NOFILE, &limit));
  limit = (struct rlimit){64, 63};
  SHOW(setrlimit(RLIMIT_NOFILE, &limit));
  int highest = 0;
  for (int fd; (fd = dup(0)) >= 0;) highest = fd;
  printf("%s\n", strerrorname_np(errno));
  SHOW(highest);
  SHOW(open(".", O_RDONLY));
  SHOW(dup2(0, 40));
  SHOW(fcntl(0, F_DUPFD, 32));
  SHOW(close(20));
  SHOW(open(".", O_RDONLY));
  int p[2];
  SHOW(pipe(p));
  limit = (struct rlimit){0, 0};
  SHOW(prlimit(0, RLIMIT_NOFILE, 0, &limit));
  printf("  %lu %lu\n", (unsigned long)limit.rlim_cur, (unsigned long)limit.rlim_max);
  SHOW(getrlimit(RLIMIT_CORE, &limit));
  limit.rlim_cur = 0;
  SHOW(setrlimit(RLIMIT_CORE, &limit));
  errno = 0;
  SHOW(getpriority(PRIO_PROCESS, 0));
  return 0;
}
