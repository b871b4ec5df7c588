// Processes held by descriptors: pidfd_open, pidfd_send_signal, pidfd_getfd, waitid(P_PIDFD), CLONE_PIDFD.
#include "abi.h"
#include <poll.h>
#include <sched.h>
#include <sys/wait.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
static int pidfd_open_(pid_t pid, unsigned flags) { return syscall(SYS_pidfd_open, pid, flags); }
static int pidfd_send(int fd, int signal, siginfo_t *info, unsigned flags) {
  return syscall(SYS_pidfd_send_signal, fd, signal, info, flags);
}
static int pidfd_take(int fd, int theirs, unsigned flags) { return syscall(SYS_pidfd_getfd, fd, theirs, flags); }

static volatile int got, value;
static void caught(int signal, siginfo_t *info, void *context) {
  got = signal;
  value = info->si_value.sival_int;
}

int main(int argc, char **argv) {
  enter(argc, argv);
  int gate[2], answer[2];
  pipe(gate);
  pipe(answer);
  pid_t child = fork();
  if (child == 0) {
    struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    write(answer[1], "r", 1);
    char byte;
    while (read(gate[0], &byte, 1) < 0) {}
    _exit(got == SIGUSR1 ? 7 : 8);
  }
  char byte;
  read(answer[0], &byte, 1);
  SHOW(pidfd_open_(0, 0));
  SHOW(pidfd_open_(-1, 0));
  SHOW(pidfd_open_(child, 1));
  SHOW(pidfd_open_(0x7ffffffe, 0));
  int fd = pidfd_open_(child, 0);
  IS(fd >= 0);
  IS(fcntl(fd, F_GETFD) == FD_CLOEXEC);
  SHOW(read(fd, &byte, 1));
  SHOW(pidfd_send(fd, 0, NULL, 0));
  SHOW(pidfd_send(fd, 0, NULL, 64));
  SHOW(pidfd_send(fd, 65, NULL, 0));
  SHOW(pidfd_send(0, SIGUSR1, NULL, 0));
  SHOW(pidfd_send(99, SIGUSR1, NULL, 0));
  siginfo_t forged = {.si_signo = SIGUSR2, .si_code = SI_QUEUE};
  SHOW(pidfd_send(fd, SIGUSR1, &forged, 0));
  siginfo_t plain = {.si_signo = SIGUSR1, .si_code = SI_USER};
  SHOW(pidfd_send(fd, SIGUSR1, &plain, 0));
  SHOW(pidfd_send(fd, SIGUSR1, NULL, 0));
  struct pollfd entry = {fd, POLLIN, 0};
  SHOW(poll(&entry, 1, 0));
  siginfo_t info = {0};
  SHOW(waitid(P_PIDFD, fd, &info, WEXITED | WNOHANG));
  IS(info.si_pid == 0);
  SHOW(waitid(P_PIDFD, 0, &info, WEXITED));
  SHOW(waitid(P_PIDFD, -1, &info, WEXITED));
  SHOW(waitid(P_PIDFD, 99, &info, WEXITED));
  // Its end of the pipe is ours too.
  int taken = pidfd_take(fd, gate[1], 0);
  IS(taken >= 0);
  SHOW(pidfd_take(fd, 98, 0));
  SHOW(pidfd_take(fd, gate[1], 1));
  SHOW(pidfd_take(0, gate[1], 0));
  SHOW(write(taken, "g", 1));
  SHOW(poll(&entry, 1, 10000));
  IS(entry.revents & POLLIN);
  SHOW(waitid(P_PIDFD, fd, &info, WEXITED | WNOWAIT));
  IS(info.si_pid == child);
  SHOW(info.si_status);
  IS(info.si_code == CLD_EXITED);
  SHOW(pidfd_send(fd, SIGTERM, NULL, 0));
  SHOW(waitid(P_PIDFD, fd, &info, WEXITED));
  SHOW(waitid(P_PIDFD, fd, &info, WEXITED));
  SHOW(pidfd_send(fd, SIGTERM, NULL, 0));
  SHOW(pidfd_take(fd, 0, 0));
  close(fd);

  // The oldest clone with a descriptor.
  int made = -1;
  long pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &made, 0, 0);
  if (pid == 0) _exit(3);
  IS(pid > 0);
  IS(made >= 0);
  SHOW(waitid(P_PIDFD, made, &info, WEXITED));
  IS(info.si_pid == pid);
  SHOW(info.si_status);
  SHOW(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, &made, 0, 0));

  // One that does not wait.
  pid_t sleeper = fork();
  if (sleeper == 0) {
    pause();
    _exit(0);
  }
  int quick = pidfd_open_(sleeper, O_NONBLOCK);
  SHOW(waitid(P_PIDFD, quick, &info, WEXITED));
  SHOW(pidfd_send(quick, SIGKILL, NULL, 0));
  entry.fd = quick;
  SHOW(poll(&entry, 1, 10000));
  SHOW(waitid(P_PIDFD, quick, &info, WEXITED));
  IS(info.si_code == CLD_KILLED);
  SHOW(info.si_status);
  return 0;
}
