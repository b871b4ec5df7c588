#include "abi.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>

static int ready(int fd, short events) {
  struct pollfd p = {fd, events, 0};
  int count = poll(&p, 1, 0);
  return count < 0 ? -1 : p.revents;
}

int main(void) {
  int p[2];
  char text[32] = "";
  struct stat s;
  SHOW(pipe(p));
  printf("ends %d %d\n", p[0], p[1]);
  SHOW(ready(p[0], POLLIN));
  SHOW(ready(p[1], POLLOUT));
  SHOW(write(p[1], "through", 7));
  SHOW(ready(p[0], POLLIN));
  int waiting = 0;
  SHOW(ioctl(p[0], FIONREAD, &waiting));
  SHOW(waiting);
  SHOW(read(p[0], text, 4));
  SHOW(read(p[0], text + 4, 20));
  printf("  [%s]\n", text);
  SHOW(read(p[1], text, 1));
  SHOW(write(p[0], text, 1));
  SHOW(lseek(p[0], 0, SEEK_SET));
  SHOW(pread(p[0], text, 1, 0));
  SHOW(fstat(p[0], &s));
  IS(S_ISFIFO(s.st_mode));
  SHOW(fcntl(p[0], F_SETFL, O_NONBLOCK));
  SHOW(read(p[0], text, 1));
  SHOW(fcntl(p[1], F_SETFL, O_NONBLOCK));
  static char big[100000];
  SHOW(write(p[1], big, sizeof big));
  SHOW(write(p[1], big, 1));
  SHOW(ready(p[1], POLLOUT));
  SHOW(read(p[0], big, sizeof big));
  SHOW(close(p[1]));
  SHOW(read(p[0], text, 1));
  SHOW(ready(p[0], POLLIN) & POLLHUP);
  SHOW(close(p[0]));

  SHOW(pipe2(p, O_CLOEXEC | O_NONBLOCK));
  SHOW(fcntl(p[0], F_GETFD));
  SHOW(fcntl(p[0], F_GETFL) & O_NONBLOCK);
  SHOW(pipe2(p, 0x40000000));
  signal(SIGPIPE, SIG_IGN);
  SHOW(close(p[0]));
  SHOW(write(p[1], "x", 1));
  SHOW(ready(p[1], POLLOUT) & POLLERR);
  SHOW(ready(99, POLLIN));
  SHOW(ready(-1, POLLIN));

  int e = eventfd(3, EFD_NONBLOCK);
  uint64_t value;
  SHOW(read(e, &value, 8));
  SHOW(value);
  SHOW(read(e, &value, 8));
  value = 5;
  SHOW(write(e, &value, 8));
  SHOW(write(e, &value, 4));
  SHOW(ready(e, POLLIN));

  SHOW(pipe(p));
  fd_set set;
  FD_ZERO(&set);
  FD_SET(p[0], &set);
  struct timeval none = {0, 0};
  SHOW(select(p[0] + 1, &set, 0, 0, &none));
  SHOW(write(p[1], "x", 1));
  FD_SET(p[0], &set);
  SHOW(select(p[0] + 1, &set, 0, 0, &none));
  IS(FD_ISSET(p[0], &set));
  struct pollfd many[2] = {{p[0], POLLIN, 0}, {p[1], POLLIN | POLLOUT, 0}};
  SHOW(poll(many, 2, 1000));
  printf("  %d %d\n", many[0].revents, many[1].revents);
  SHOW(poll(0, 0, 10));
  return 0;
}
