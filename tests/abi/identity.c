#include "abi.h"
#include <sched.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/utsname.h>

int main(void) {
  struct utsname u;
  char text[256] = "";
  IS(getpid() > 0 && getppid() >= 0 && gettid() == getpid());
  IS(getuid() == geteuid() && getgid() == getegid());
  uid_t r, e, s;
  SHOW(getresuid(&r, &e, &s));
  IS(r == e && e == s && r == getuid());
  IS(getpgrp() == getpgid(0) && getsid(0) >= 0) /* 0: the session's leader is outside the pid namespace */;
  SHOW(getpgid(-5));
  IS(getgroups(0, 0) >= 0);
  SHOW(setuid(getuid()));
  SHOW(setgid(getgid()));
  SHOW(uname(&u));
  IS(strcmp(u.sysname, "Linux") == 0 && u.release[0] && u.version[0]);
  IS(strlen(u.nodename) > 0);
  SHOW(gethostname(text, sizeof text));
  IS(strcmp(text, u.nodename) == 0);
  SHOW(sysconf(_SC_PAGESIZE));
  IS(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
  SHOW(prctl(PR_SET_NAME, "a-new-name-that-is-long", 0, 0, 0));
  SHOW(prctl(PR_GET_NAME, text, 0, 0, 0));
  printf("  [%s]\n", text);
  SHOW(prctl(123456, 0, 0, 0, 0));
  SHOW(getrandom(text, 16, 0));
  SHOW(getrandom(text, 16, 0x1000));
  char other[16];
  SHOW(getrandom(other, 16, GRND_NONBLOCK));
  IS(memcmp(text, other, 16) != 0);
  cpu_set_t cpus;
  SHOW(sched_getaffinity(0, sizeof cpus, &cpus));
  IS(CPU_COUNT(&cpus) >= 1);
  SHOW(sched_yield());
  SHOW(syscall(100000, 1, 2, 3));
  return 0;
}
