#include "abi.h"
#include <sys/prctl.h>
#include <sys/wait.h>

extern char **environ;

static void status_of(const char *what, pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  if (WIFEXITED(status)) printf("%s: exited %d\n", what, WEXITSTATUS(status));
  else printf("%s: killed %d\n", what, WTERMSIG(status));
}

static int script(const char *path, const char *text) {
  make(path, text);
  return chmod(path, 0755);
}

// What the program is when it is started by itself.
static int second(int argc, char **argv) {
  printf("arguments");
  for (int i = 2; i < argc; i++) printf(" [%s]", strrchr(argv[i], '/') ? strrchr(argv[i], '/') + 1 : argv[i]);
  printf("\nenvironment");
  for (char **e = environ; *e; e++) printf(" [%s]", *e);
  sigset_t set;
  struct sigaction action;
  sigprocmask(SIG_BLOCK, 0, &set);
  sigaction(SIGUSR1, 0, &action);
  printf("\nblocked %d, caught %d", sigismember(&set, SIGUSR2), action.sa_handler != SIG_DFL);
  sigaction(SIGHUP, 0, &action);
  printf(", ignored %d", action.sa_handler == SIG_IGN);
  sigpending(&set);
  printf(", pending %d\n", sigismember(&set, SIGUSR2));
  printf("descriptors %d %d\n", fcntl(100, F_GETFD), fcntl(101, F_GETFD));
  char name[17] = {0};
  prctl(PR_GET_NAME, name);
  printf("name %s\n", strtok(name, "-"));
  fflush(stdout);
  return 5;
}
static void handler(int signal) { (void)signal; }

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "second")) return second(argc, argv);
  char self[4096] = {0}, where[4096];
  readlink("/proc/self/exe", self, sizeof self - 1);
  enter(argc, argv);
  getcwd(where, sizeof where);
  char *none[] = {0}, *plain[] = {"x", 0}, *env[] = {"ONE=1", "TWO=2", 0};
  SHOW(execve("nothing", plain, none));
  SHOW(execve(".", plain, none));
  SHOW(execve("", plain, none));
  SHOW(execve((char *)8, plain, none));
  SHOW(execve(self, (char **)8, none));
  make("data", "not a program");
  SHOW(execve("data", plain, none));
  chmod("data", 0755);
  SHOW(execve("data", plain, none));
  script("loop", "#!loop\n");
  SHOW(execve("./loop", plain, none));
  script("missing", "#!./no-such-thing -x\n");
  SHOW(execve("./missing", plain, none));
  SHOW(execve("data/x", plain, none));
  symlink("circle", "circle");
  SHOW(execve("circle", plain, none));
  size_t size = 200000;
  char *big = malloc(size + 1);
  memset(big, 'a', size);
  big[size] = 0;
  char *huge[] = {"x", big, 0};
  SHOW(execve(self, huge, none));

  signal(SIGUSR1, handler);
  signal(SIGHUP, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, 0);
  raise(SIGUSR2);
  dup2(1, 100);
  dup3(1, 101, O_CLOEXEC);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    raise(SIGUSR2);
    char *arguments[] = {"zero", "second", "a", "", "b c", 0};
    execve(self, arguments, env);
    _exit(99);
  }
  status_of("execve", pid);
  fflush(stdout);
  pid = vfork();
  if (pid == 0) {
    char *arguments[] = {"zero", "second", 0};
    execve(self, arguments, none);
    _exit(99);
  }
  status_of("vfork and execve", pid);
  char line[4200];
  snprintf(line, sizeof line, "#!%s second\nrest\n", self);
  script("script", line);
  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    char *arguments[] = {"gone", "one", "two", 0};
    execve("./script", arguments, none);
    _exit(99);
  }
  status_of("script", pid);
  // a script that a script interprets
  snprintf(line, sizeof line, "#!%s/script\n", where);
  script("outer", line);
  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    execve("./outer", plain, none);
    _exit(99);
  }
  status_of("script of a script", pid);
  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    int fd = open(self, O_RDONLY | O_CLOEXEC);
    char *arguments[] = {"by-fd", "second", 0};
    syscall(SYS_execveat, fd, "", arguments, none, 0x1000);
    _exit(99);
  }
  status_of("execveat of a descriptor", pid);
  fflush(stdout);
  return 0;
}
