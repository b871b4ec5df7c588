#include "abi.h"
#include <setjmp.h>

static volatile sig_atomic_t count, last;
static sigjmp_buf back;
static void *volatile address;

static void note(int signal) { count++, last = signal; }
static void tell(int signal, siginfo_t *info, void *context) {
  (void)context;
  last = signal;
  address = info->si_addr;
  siglongjmp(back, 1);
}

int main(void) {
  struct sigaction action = {.sa_handler = note}, old;
  sigset_t set, pending;
  SHOW(sigaction(SIGUSR1, &action, &old));
  IS(old.sa_handler == SIG_DFL);
  SHOW(raise(SIGUSR1));
  SHOW(count);
  SHOW(kill(getpid(), SIGUSR1));
  SHOW(count);
  SHOW(sigaction(SIGKILL, &action, 0));
  SHOW(sigaction(0, &action, 0));
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  SHOW(sigprocmask(SIG_BLOCK, &set, 0));
  SHOW(raise(SIGUSR1));
  SHOW(count);
  SHOW(sigpending(&pending));
  SHOW(sigismember(&pending, SIGUSR1));
  SHOW(sigprocmask(SIG_UNBLOCK, &set, 0));
  SHOW(count);
  action.sa_flags = SA_RESETHAND;
  SHOW(sigaction(SIGUSR2, &action, 0));
  SHOW(raise(SIGUSR2));
  SHOW(sigaction(SIGUSR2, 0, &old));
  IS(old.sa_handler == SIG_DFL);
  SHOW(raise(SIGCHLD));
  SHOW(raise(SIGWINCH));
  signal(SIGTERM, SIG_IGN);
  SHOW(raise(SIGTERM));
  SHOW(kill(getpid(), 0));
  SHOW(kill(getpid(), 999));
  SHOW(kill(999999, 0));

  struct sigaction fault = {.sa_sigaction = tell, .sa_flags = SA_SIGINFO};
  SHOW(sigaction(SIGSEGV, &fault, 0));
  SHOW(sigaction(SIGBUS, &fault, 0));
  char *page = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < 3; i++) {
    if (sigsetjmp(back, 1) == 0) page[10] = 1;
    IS(last == SIGSEGV && address == page + 10);
  }
  if (sigsetjmp(back, 1) == 0) *(volatile int *)64 = 1;
  IS(last == SIGSEGV && address == (void *)64);
  static char alternate[16384];
  stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
  SHOW(sigaltstack(&stack, 0));
  fault.sa_flags |= SA_ONSTACK;
  SHOW(sigaction(SIGSEGV, &fault, 0));
  if (sigsetjmp(back, 1) == 0) page[11] = 1;
  IS(address == page + 11);
  fflush(stdout);
  signal(SIGABRT, SIG_DFL);
  abort();
}
