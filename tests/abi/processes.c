#include "abi.h"
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static volatile sig_atomic_t children;
static siginfo_t told;
static void child_ended(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)context;
  children++;
  told = *info;
}

static pid_t child(int status) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) _exit(status);
  return pid;
}
static void status_of(const char *what, pid_t pid) {
  int status = 0;
  pid_t got = waitpid(pid, &status, 0);
  printf("%s: %s", what, got == pid ? "waited" : "lost");
  if (WIFEXITED(status)) printf(" exited %d\n", WEXITSTATUS(status));
  else if (WIFSIGNALED(status)) printf(" killed %d\n", WTERMSIG(status));
  else printf(" %x\n", status);
}

static void ends(void) {
  int status = -1;
  SHOW(waitpid(-1, &status, 0));
  SHOW(waitpid(-1, &status, WNOHANG));
  status_of("exit 7", child(7));
  status_of("exit 256 + 3", child(259));
  status_of("exit -1", child(-1));
  pid_t pid = child(0);
  IS(waitpid(pid, &status, 0) == pid && status == 0);
  SHOW(waitpid(pid, &status, 0));
  fflush(stdout);
  pid = fork();
  if (pid == 0) pause(), _exit(1);
  SHOW(waitpid(pid, &status, WNOHANG));
  SHOW(kill(pid, SIGTERM));
  status_of("killed by SIGTERM", pid);
  SHOW(kill(pid, 0));
  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    abort();
  }
  status_of("aborted", pid);
  fflush(stdout);
  pid = fork();
  if (pid == 0) *(volatile int *)8 = 1;
  status_of("segmentation fault", pid);
  SHOW(waitpid(999999, &status, 0));
  SHOW(waitpid(-1, &status, 0x40));
  SHOW(waitpid(-999999, &status, 0));
}

static void identity(void) {
  siginfo_t info;
  pid_t pid = child(42);
  memset(&info, 0x55, sizeof info);
  SHOW(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
  IS(info.si_pid == pid && info.si_signo == SIGCHLD && info.si_code == CLD_EXITED && info.si_status == 42);
  memset(&info, 0x55, sizeof info);
  SHOW(waitid(P_ALL, 0, &info, WEXITED));
  IS(info.si_pid == pid && info.si_status == 42);
  SHOW(waitid(P_ALL, 0, &info, WEXITED));
  SHOW(waitid(P_PID, 1, &info, WEXITED));
  SHOW(waitid(P_ALL, 0, &info, 0));
  SHOW(waitid(P_ALL, 0, &info, WNOHANG));
  SHOW(waitid(77, 0, &info, WEXITED));
  fflush(stdout);
  pid = fork();
  if (pid == 0) for (;;) pause();
  memset(&info, 0x55, sizeof info);
  SHOW(waitid(P_PID, pid, &info, WEXITED | WNOHANG));
  SHOW(info.si_pid);
  SHOW(kill(pid, SIGSTOP));
  SHOW(waitid(P_PID, pid, &info, WSTOPPED));
  IS(info.si_pid == pid && info.si_code == CLD_STOPPED && info.si_status == SIGSTOP);
  int status;
  SHOW(waitpid(pid, &status, WNOHANG | WUNTRACED));
  SHOW(kill(pid, SIGCONT));
  IS(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
  SHOW(kill(pid, SIGSTOP));
  IS(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
  SHOW(kill(pid, SIGKILL));
  status_of("killed while stopped", pid);
}

static void notices(void) {
  struct sigaction action = {.sa_sigaction = child_ended, .sa_flags = SA_SIGINFO}, ignore = {.sa_handler = SIG_IGN};
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, &old);
  SHOW(sigaction(SIGCHLD, &action, 0));
  pid_t pid = child(9);
  while (!children) sigsuspend(&old);
  IS(told.si_pid == pid && told.si_code == CLD_EXITED && told.si_status == 9);
  status_of("after its signal", pid);
  fflush(stdout);
  pid = fork();
  if (pid == 0) for (;;) pause();
  children = 0;
  kill(pid, SIGKILL);
  while (!children) sigsuspend(&old);
  IS(told.si_pid == pid && told.si_code == CLD_KILLED && told.si_status == SIGKILL);
  status_of("killed", pid);
  children = 0;
  sigprocmask(SIG_SETMASK, &old, 0);
  SHOW(children);
  SHOW(sigaction(SIGCHLD, &ignore, 0));
  child(1);
  child(2);
  int status;
  SHOW(waitpid(-1, &status, 0));
  action.sa_flags = SA_NOCLDWAIT | SA_SIGINFO;
  SHOW(sigaction(SIGCHLD, &action, 0));
  pid = child(1);
  SHOW(waitpid(pid, &status, 0));
  signal(SIGCHLD, SIG_DFL);
}

static void inheritance(void) {
  int shared = open("shared", O_RDWR | O_CREAT | O_TRUNC, 0600), fds[2];
  char text[16] = {0};
  SHOW(pipe(fds));
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    close(fds[0]);
    write(shared, "child", 5);
    write(fds[1], "hello", 5);
    chdir("/");
    umask(0);
    close(shared);
    _exit(0);
  }
  close(fds[1]);
  SHOW(read(fds[0], text, 16));
  printf("  [%s]\n", text);
  SHOW(read(fds[0], text, 16));
  status_of("writer", pid);
  SHOW(lseek(shared, 0, SEEK_CUR));
  SHOW(umask(022));
  IS(access("shared", F_OK) == 0);
  int value = 1;
  fflush(stdout);
  pid = fork();
  if (pid == 0) _exit(++value);
  status_of("memory is its own", pid);
  SHOW(value);
  int *both = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  *both = 1;
  fflush(stdout);
  pid = fork();
  if (pid == 0) _exit((*both)++);
  status_of("shared memory", pid);
  SHOW(*both);
  volatile int borrowed = 1;
  fflush(stdout);
  pid = vfork();
  if (pid == 0) {
    borrowed = 2;
    _exit(3);
  }
  SHOW(borrowed);
  status_of("vfork", pid);
}

static void groups(void) {
  SHOW(setpgid(0, -1));
  SHOW(setpgid(999999, 0));
  SHOW(setpgid(getpid(), 999999));
  IS(getpgrp() == getpgid(0));
  SHOW(getpgid(999999));
  SHOW(getsid(999999));
  fflush(stdout);
  int fds[2];
  pipe(fds);
  pid_t pid = fork();
  if (pid == 0) {
    char c;
    close(fds[1]);
    read(fds[0], &c, 1);
    _exit(getpgrp() == getpid() ? 10 : 11);
  }
  SHOW(setpgid(pid, pid));
  IS(getpgid(pid) == pid);
  close(fds[1]);
  status_of("leads a group", pid);
  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    pid_t sid = setsid();
    int good = sid == getpid() && getsid(0) == sid && getpgrp() == sid && setsid() == -1 && errno == EPERM;
    _exit(good ? 20 : 21);
  }
  status_of("leads a session", pid);
  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    for (;;) pause();
  }
  setpgid(pid, pid);
  SHOW(kill(-pid, SIGUSR1));
  status_of("killed as a group", pid);
  SHOW(kill(-pid, SIGUSR1));
}

static void families(void) {
  fflush(stdout);
  int fds[2];
  pipe(fds);
  SHOW(prctl(PR_SET_CHILD_SUBREAPER, 1));
  pid_t me = getpid(), pid = fork();
  if (pid == 0) {
    pid_t parent = getpid();
    if (fork() == 0) {
      while (getppid() == parent) usleep(1000);
      int adopted = getppid() == me;
      write(fds[1], &adopted, sizeof adopted);
      _exit(33);
    }
    _exit(0);
  }
  status_of("parent of an orphan", pid);
  int adopted = 0, status;
  read(fds[0], &adopted, sizeof adopted);
  SHOW(adopted);
  IS(wait(&status) > 0 && WEXITSTATUS(status) == 33);
  SHOW(prctl(PR_SET_CHILD_SUBREAPER, 0));
  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    int signal = 0;
    prctl(PR_GET_PDEATHSIG, &signal);
    _exit(signal);
  }
  status_of("PR_GET_PDEATHSIG", pid);
  struct rusage usage;
  SHOW(getrusage(RUSAGE_CHILDREN, &usage));
  pid = child(0);
  IS(wait4(pid, &status, 0, &usage) == pid);
}

int main(int argc, char **argv) {
  enter(argc, argv);
  ends();
  identity();
  notices();
  inheritance();
  groups();
  families();
  SHOW(getppid() > 0);
}
