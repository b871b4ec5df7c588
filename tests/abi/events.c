#include "abi.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

static struct epoll_event found[8];
static int add(int ep, int fd, unsigned events, int data) {
  struct epoll_event event = {events, {.u64 = data}};
  return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
}
static void wait_for(const char *what, int ep, int timeout) {
  int n = epoll_wait(ep, found, 8, timeout);
  // Which of several comes first is nobody's promise.
  if (n == 2 && found[0].data.u64 > found[1].data.u64) {
    struct epoll_event first = found[0];
    found[0] = found[1], found[1] = first;
  }
  printf("%s: %d", what, n);
  for (int i = 0; i < n; i++) printf(" %x/%d", found[i].events, (int)found[i].data.u64);
  printf("\n");
}

static void level(void) {
  int ep = epoll_create1(0), p[2], fd;
  pipe(p);
  SHOW(epoll_create1(1));
  SHOW(epoll_create(0));
  SHOW(add(ep, p[0], EPOLLIN, 1));
  SHOW(add(ep, p[0], EPOLLIN, 1));
  SHOW(add(ep, p[1], EPOLLOUT, 2));
  wait_for("writable", ep, 0);
  write(p[1], "x", 1);
  wait_for("both", ep, 0);
  wait_for("again", ep, 0);
  struct epoll_event event = {0, {.u64 = 2}};
  SHOW(epoll_ctl(ep, EPOLL_CTL_MOD, p[1], &event));
  wait_for("one", ep, 0);
  event.events = EPOLLIN | EPOLLONESHOT, event.data.u64 = 3;
  SHOW(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &event));
  wait_for("one shot", ep, 0);
  wait_for("is over", ep, 0);
  SHOW(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &event));
  wait_for("armed again", ep, 0);
  SHOW(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], 0));
  SHOW(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], 0));
  SHOW(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &event));
  SHOW(epoll_ctl(ep, 9, p[0], &event));
  SHOW(add(ep, ep, EPOLLIN, 1));
  SHOW(add(ep, 99, EPOLLIN, 1));
  SHOW(add(p[0], p[1], EPOLLIN, 1));
  make("file", "x");
  fd = open("file", O_RDONLY);
  SHOW(add(ep, fd, EPOLLIN, 1));
  SHOW(epoll_wait(ep, found, 0, 0));
  SHOW(epoll_wait(fd, found, 1, 0));
  SHOW(epoll_wait(99, found, 1, 0));
  SHOW(add(ep, p[0], EPOLLIN, 4));
  close(p[1]);
  wait_for("hung up", ep, 0);
  close(p[0]);
  wait_for("closed", ep, 0);
  wait_for("timeout", ep, 5);
}

static void edge(void) {
  int ep = epoll_create1(EPOLL_CLOEXEC), s[2], counter = eventfd(0, EFD_NONBLOCK);
  char text[16];
  uint64_t value = 1;
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  SHOW(add(ep, s[0], EPOLLIN | EPOLLET, 1));
  wait_for("nothing", ep, 0);
  write(s[1], "ab", 2);
  wait_for("edge", ep, 0);
  wait_for("no edge", ep, 0);
  read(s[0], text, 1);
  wait_for("no edge after a read", ep, 0);
  write(s[1], "c", 1);
  wait_for("new bytes", ep, 0);
  SHOW(add(ep, counter, EPOLLIN | EPOLLET, 2));
  write(counter, &value, 8);
  wait_for("counter", ep, 0);
  write(counter, &value, 8);
  wait_for("counter again", ep, 0);
  SHOW(add(ep, s[1], EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP, 3));
  wait_for("writable once", ep, 0);
  wait_for("writable once", ep, 0);
  close(s[0]);
  wait_for("peer gone", ep, 0);
  wait_for("peer gone", ep, 0);
  int outer = epoll_create1(0), inner = epoll_create1(0);
  SHOW(add(outer, inner, EPOLLIN, 7));
  SHOW(add(inner, counter, EPOLLIN, 8));
  wait_for("nested", outer, 0);
  SHOW(add(inner, outer, EPOLLIN, 9));
  struct pollfd p = {inner, POLLIN, 0};
  SHOW(poll(&p, 1, 0));
}

static void counters(void) {
  int fd = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC), plain = eventfd(0, 0);
  uint64_t value = 0;
  SHOW(eventfd(0, 1 << 20));
  SHOW(read(fd, &value, 8));
  SHOW((long)value);
  SHOW(read(fd, &value, 4));
  read(fd, &value, 8), read(fd, &value, 8);
  SHOW(read(fd, &value, 8));
  value = UINT64_MAX;
  SHOW(write(fd, &value, 8));
  value = UINT64_MAX - 1;
  SHOW(write(fd, &value, 8));
  value = 1;
  SHOW(write(fd, &value, 8));
  struct pollfd p = {fd, POLLIN | POLLOUT, 0};
  SHOW(poll(&p, 1, 0));
  SHOW(p.revents);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    value = 42;
    usleep(2000);
    write(plain, &value, 8);
    _exit(0);
  }
  SHOW(read(plain, &value, 8));
  SHOW((long)value);
  waitpid(pid, 0, 0);
}

static void timers(void) {
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  struct itimerspec soon = {{0, 3000000}, {0, 2000000}}, left, bad = {{0, 0}, {0, 2000000000}};
  uint64_t ticks = 0;
  SHOW(timerfd_create(99, 0));
  SHOW(timerfd_create(CLOCK_MONOTONIC, 1));
  SHOW(read(fd, &ticks, 8));
  SHOW(timerfd_settime(fd, 0, &bad, 0));
  SHOW(timerfd_settime(fd, 0, &soon, &left));
  SHOW(left.it_value.tv_nsec);
  SHOW(timerfd_gettime(fd, &left));
  IS(left.it_interval.tv_nsec == 3000000 && left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= 2000000);
  struct pollfd p = {fd, POLLIN, 0};
  SHOW(poll(&p, 1, 1000));
  SHOW(read(fd, &ticks, 8));
  IS(ticks >= 1);
  usleep(10000);
  SHOW(read(fd, &ticks, 8));
  IS(ticks >= 2);
  SHOW(read(fd, &ticks, 4));
  struct itimerspec never = {{0, 0}, {0, 0}};
  SHOW(timerfd_settime(fd, 0, &never, 0));
  SHOW(poll(&p, 1, 5));
  int absolute = timerfd_create(CLOCK_REALTIME, 0);
  struct itimerspec when = {{0, 0}, {0, 0}};
  clock_gettime(CLOCK_REALTIME, &when.it_value);
  when.it_value.tv_sec -= 1;
  SHOW(timerfd_settime(absolute, TFD_TIMER_ABSTIME, &when, 0));
  SHOW(read(absolute, &ticks, 8));
  SHOW((long)ticks);
  SHOW(write(absolute, &ticks, 8));
  SHOW(timerfd_gettime(0, &left));
}

static void signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1), sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, 0);
  int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  struct signalfd_siginfo info[2];
  SHOW(read(fd, info, sizeof info));
  SHOW(raise(SIGUSR1));
  struct pollfd p = {fd, POLLIN, 0};
  SHOW(poll(&p, 1, 0));
  SHOW(read(fd, info, sizeof info));
  IS(info[0].ssi_signo == SIGUSR1 && info[0].ssi_pid == getpid());
  SHOW(read(fd, info, 10));
  union sigval value = {.sival_int = 77};
  SHOW(sigqueue(getpid(), SIGUSR1, value));
  SHOW(read(fd, info, sizeof info[0]));
  IS(info[0].ssi_int == 77 && info[0].ssi_code == SI_QUEUE);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) _exit(6);
  SHOW(poll(&p, 1, 1000));
  SHOW(read(fd, info, sizeof info));
  IS(info[0].ssi_signo == SIGCHLD && info[0].ssi_pid == pid && info[0].ssi_status == 6 && info[0].ssi_code == CLD_EXITED);
  waitpid(pid, 0, 0);
  sigdelset(&set, SIGUSR1);
  SHOW(signalfd(fd, &set, 0) == fd);
  raise(SIGUSR1);
  SHOW(poll(&p, 1, 0));
  SHOW(signalfd(0, &set, 0));
  SHOW(signalfd(-1, &set, 1));
  struct timespec none = {0, 0};
  sigaddset(&set, SIGUSR1);
  siginfo_t got;
  SHOW(sigtimedwait(&set, &got, &none) == SIGUSR1);
  SHOW(sigtimedwait(&set, &got, &none));
}

static volatile sig_atomic_t alarms;
static void alarmed(int signal) { (void)signal, alarms++; }
static void masks(void) {
  struct sigaction action = {.sa_handler = alarmed}, restart = {.sa_handler = alarmed, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, 0);
  sigset_t all, none;
  sigfillset(&all), sigemptyset(&none);
  struct itimerval soon = {{0, 0}, {0, 3000}};
  struct timespec long_time = {5, 0}, left;
  setitimer(ITIMER_REAL, &soon, 0);
  SHOW(nanosleep(&long_time, &left));
  IS(left.tv_sec == 4);
  int p[2];
  char c;
  pipe(p);
  setitimer(ITIMER_REAL, &soon, 0);
  SHOW(read(p[0], &c, 1));
  sigaction(SIGALRM, &restart, 0);
  setitimer(ITIMER_REAL, &soon, 0);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    usleep(15000);
    write(p[1], "r", 1);
    _exit(0);
  }
  SHOW(read(p[0], &c, 1));
  SHOW(alarms);
  waitpid(pid, 0, 0);
  setitimer(ITIMER_REAL, &soon, 0);
  struct pollfd q = {p[0], POLLIN, 0};
  SHOW(poll(&q, 1, -1));
  sigprocmask(SIG_BLOCK, &all, 0);
  raise(SIGALRM);
  SHOW(ppoll(&q, 1, &long_time, &none));
  raise(SIGALRM);
  fd_set reads;
  FD_ZERO(&reads);
  FD_SET(p[0], &reads);
  SHOW(pselect(p[0] + 1, &reads, 0, 0, &long_time, &none));
  int ep = epoll_create1(0);
  raise(SIGALRM);
  SHOW(epoll_pwait(ep, found, 1, 1000, &none));
  SHOW(alarms);
  struct timespec short_time = {0, 1000000};
  SHOW(ppoll(&q, 1, &short_time, 0));
  SHOW(syscall(SYS_epoll_pwait2, ep, found, 1, &short_time, 0, 8));
  sigprocmask(SIG_UNBLOCK, &all, 0);
}

int main(int argc, char **argv) {
  enter(argc, argv);
  level();
  edge();
  counters();
  timers();
  signals();
  masks();
}
