// One of everything that a kernel keeps for a program, made before a snapshot (which comes while `pass` calls the kernel)
// and looked at after it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int go, seen;
static __thread int mine;
static volatile sig_atomic_t alarms, usr;
static void on_alarm(int signal) { alarms++; }
static void on_usr(int signal) { usr++; }

static void *waits(void *of) {
  mine = (int)(long)of;
  pthread_mutex_lock(&lock);
  while (!go) pthread_cond_wait(&changed, &lock);
  seen += mine;
  pthread_mutex_unlock(&lock);
  return of;
}
static void pass(void) {
  for (int i = 0; i < 3000; i++) syscall(SYS_getppid);
}
static void is(const char *what, int truth) { printf("%s: %s\n", what, truth ? "yes" : "no"); }

int main(void) {
  printf("before\n");
  fflush(stdout);
  char bytes[64] = {0};
  sigset_t set, alarm;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, NULL);
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  sigprocmask(SIG_BLOCK, &alarm, NULL);
  pthread_t threads[2];
  for (long i = 0; i < 2; i++) pthread_create(&threads[i], NULL, waits, (void *)(i + 1));
  sigprocmask(SIG_UNBLOCK, &alarm, NULL);
  int pipes[2], sockets[2], streams[2];
  pipe(pipes);
  write(pipes[1], "in the pipe", 11);
  socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets);
  int given = open("/tmp/given", O_CREAT | O_RDWR, 0600);
  write(given, "given away", 10);
  struct iovec part = {"message", 7};
  union { char room[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control;
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  *head = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
  memcpy(CMSG_DATA(head), &given, sizeof given);
  sendmsg(sockets[0], &message, 0);
  close(given);
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un name = {AF_UNIX, "/tmp/listener"};
  bind(listener, (struct sockaddr *)&name, sizeof name);
  listen(listener, 4);
  int event = eventfd(7, EFD_NONBLOCK);
  int timer = timerfd_create(CLOCK_MONOTONIC, 0);
  struct itimerspec soon = {{0}, {0, 50000000}};
  timerfd_settime(timer, 0, &soon, NULL);
  int epoll = epoll_create1(0);
  struct epoll_event interest = {.events = EPOLLIN, .data.u64 = 0x123456789abcdefULL};
  epoll_ctl(epoll, EPOLL_CTL_ADD, pipes[0], &interest);
  int signals = signalfd(-1, &set, 0);
  kill(getpid(), SIGUSR2);
  struct sigaction action = {.sa_handler = on_usr, .sa_flags = SA_RESTART};
  sigaction(SIGUSR1, &action, NULL);
  struct sigaction tick = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &tick, NULL);
  struct itimerval later = {{0}, {0, 80000}};
  setitimer(ITIMER_REAL, &later, NULL);
  int gone = open("/tmp/gone", O_CREAT | O_RDWR, 0600);
  write(gone, "no name any more", 16);
  unlink("/tmp/gone");
  int memory = memfd_create("m", 0);
  ftruncate(memory, 4096);
  char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  sem_t *sem = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  sem_init(sem, 1, 0);
  strcpy(shared, "shared");
  mkdir("/tmp/watched", 0755);
  int notices = inotify_init1(IN_NONBLOCK);
  inotify_add_watch(notices, "/tmp/watched", IN_CREATE);
  close(open("/tmp/watched/one", O_CREAT, 0600));
  int locked = open("/tmp/locked", O_CREAT | O_RDWR, 0600);
  flock(locked, LOCK_EX);
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  grantpt(master);
  unlockpt(master);
  int terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
  struct termios settings;
  tcgetattr(terminal, &settings);
  settings.c_lflag &= ~ECHO;
  tcsetattr(terminal, TCSANOW, &settings);
  write(master, "typed\n", 6);
  int status = open("/proc/self/stat", O_RDONLY);
  chdir("/tmp");
  umask(027);
  pid_t child = fork();
  if (child == 0) {
    sem_wait(sem);
    strcat(shared, " by two");
    kill(getppid(), SIGUSR1);

    _exit(9);
  }
  pid_t stopped = fork();
  if (stopped == 0) {
    raise(SIGSTOP);
    _exit(11);
  }
  int how;
  waitpid(stopped, &how, WUNTRACED);
  pid_t zombie = fork();
  if (zombie == 0) _exit(13);
  siginfo_t info;
  waitid(P_PID, zombie, &info, WEXITED | WNOWAIT);
  struct timespec began, now;
  clock_gettime(CLOCK_MONOTONIC, &began);

  pass();

  clock_gettime(CLOCK_MONOTONIC, &now);
  is("time goes on", now.tv_sec - began.tv_sec < 60 && now.tv_sec >= began.tv_sec);
  sem_post(sem);
  waitpid(child, &how, 0);
  printf("child %d\n", WEXITSTATUS(how));
  printf("memory '%s', signals %d\n", shared, (int)usr);
  kill(stopped, SIGCONT);
  waitpid(stopped, &how, 0);
  printf("stopped one %d\n", WEXITSTATUS(how));
  waitpid(zombie, &how, 0);
  printf("zombie %d\n", WEXITSTATUS(how));
  pthread_mutex_lock(&lock);
  go = 1;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  long sum = 0;
  for (int i = 0; i < 2; i++) {
    void *result;
    pthread_join(threads[i], &result);
    sum += (long)result;
  }
  printf("threads %ld %d\n", sum, seen);
  struct epoll_event got = {0};
  int ready = epoll_wait(epoll, &got, 1, 0);
  printf("epoll %d %llx\n", ready, (unsigned long long)got.data.u64);
  ssize_t size = read(pipes[0], bytes, sizeof bytes);
  printf("pipe %d '%s'\n", (int)size, bytes);
  char text[16] = {0};
  part = (struct iovec){text, sizeof text};
  message.msg_controllen = sizeof control.room;
  recvmsg(sockets[1], &message, 0);
  int taken;
  memcpy(&taken, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof taken);
  memset(bytes, 0, sizeof bytes);
  pread(taken, bytes, sizeof bytes, 0);
  printf("message '%s' with '%s'\n", text, bytes);
  int client = socket(AF_UNIX, SOCK_STREAM, 0);
  printf("connect %d\n", connect(client, (struct sockaddr *)&name, sizeof name));
  printf("accept %d\n", accept(listener, NULL, NULL) > 0);
  uint64_t count = 0;
  read(event, &count, 8);
  printf("event %d\n", (int)count);
  read(timer, &count, 8);
  printf("timer %d\n", (int)count);
  sigprocmask(SIG_BLOCK, &alarm, NULL);
  while (!alarms) sigsuspend(&set);
  printf("alarm %d\n", (int)alarms);
  struct signalfd_siginfo sent;
  read(signals, &sent, sizeof sent);
  printf("signal %d\n", (int)sent.ssi_signo == SIGUSR2);
  memset(bytes, 0, sizeof bytes);
  pread(gone, bytes, sizeof bytes, 0);
  printf("gone '%s'\n", bytes);
  char room[256] __attribute__((aligned(8)));
  read(notices, room, sizeof room);
  printf("notice '%s'\n", ((struct inotify_event *)room)->name);
  close(open("/tmp/watched/two", O_CREAT, 0600));
  read(notices, room, sizeof room);
  printf("notice '%s'\n", ((struct inotify_event *)room)->name);
  int again = open("locked", O_RDWR);
  printf("flock %d\n", flock(again, LOCK_EX | LOCK_NB));
  memset(bytes, 0, sizeof bytes);
  read(terminal, bytes, sizeof bytes);
  tcgetattr(terminal, &settings);
  printf("terminal '%.5s' %d\n", bytes, (settings.c_lflag & ECHO) != 0);
  is("/proc is there", read(status, room, sizeof room) > 10);
  struct stat made;
  close(open("made", O_CREAT | O_RDWR, 0666));
  stat("/tmp/made", &made);
  printf("mode %o\n", made.st_mode & 0777);
  printf("after\n");
  return 17;
}
