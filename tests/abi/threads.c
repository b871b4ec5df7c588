#include "abi.h"
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <time.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int counter, turn;
static __thread int own = 5;

static void *add(void *arg) {
  for (int i = 0; i < 2000; i++) {
    pthread_mutex_lock(&mutex);
    counter++;
    pthread_mutex_unlock(&mutex);
  }
  own += (int)(long)arg;
  return (void *)(long)own;
}
static void *alternate(void *arg) {
  int me = (int)(long)arg;
  for (int i = 0; i < 50; i++) {
    pthread_mutex_lock(&mutex);
    while (turn % 3 != me) pthread_cond_wait(&cond, &mutex);
    turn++;
    pthread_cond_broadcast(&cond);
    pthread_mutex_unlock(&mutex);
  }
  return 0;
}
static void *spin(void *arg) {
  volatile int *flag = arg;
  while (!*flag) {}
  return (void *)77;
}
static void *sleeper(void *arg) {
  (void)arg;
  for (;;) sleep(100);
}

static void basics(void) {
  pthread_t threads[4];
  void *result;
  for (long i = 0; i < 4; i++) SHOW(pthread_create(&threads[i], 0, add, (void *)i));
  for (int i = 0; i < 4; i++) {
    pthread_join(threads[i], &result);
    printf("thread %d gave %ld\n", i, (long)result);
  }
  SHOW(counter);
  SHOW(own);
  for (long i = 0; i < 3; i++) pthread_create(&threads[i], 0, alternate, (void *)i);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], 0);
  SHOW(turn);
  // A loop that never calls the kernel is preempted.
  volatile int flag = 0;
  pthread_create(&threads[0], 0, spin, (void *)&flag);
  flag = 1;
  pthread_join(threads[0], &result);
  SHOW((long)result);
  pthread_create(&threads[0], 0, sleeper, 0);
  SHOW(pthread_cancel(threads[0]));
  pthread_join(threads[0], &result);
  IS(result == PTHREAD_CANCELED);
  IS(syscall(SYS_gettid) == getpid());
}

static pthread_barrier_t barrier;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t semaphore;
static pthread_key_t key;
static int destroyed;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int onces;
static void initial(void) { onces++; }
static void destroy(void *value) { destroyed += (int)(long)value; }
static void *meet(void *arg) {
  pthread_once(&once, initial);
  pthread_setspecific(key, arg);
  int serial = pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
  pthread_rwlock_rdlock(&rwlock);
  pthread_rwlock_unlock(&rwlock);
  sem_post(&semaphore);
  return (void *)(long)serial;
}
static void more(void) {
  pthread_t threads[3];
  void *result;
  long serials = 0;
  pthread_barrier_init(&barrier, 0, 3);
  pthread_key_create(&key, destroy);
  sem_init(&semaphore, 0, 0);
  pthread_rwlock_wrlock(&rwlock);
  for (long i = 0; i < 3; i++) pthread_create(&threads[i], 0, meet, (void *)(i + 1));
  pthread_rwlock_unlock(&rwlock);
  for (int i = 0; i < 3; i++) sem_wait(&semaphore);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], &result), serials += (long)result;
  SHOW(serials);
  SHOW(destroyed);
  SHOW(onces);
  struct timespec soon;
  clock_gettime(CLOCK_REALTIME, &soon);
  soon.tv_nsec += 20000000;
  if (soon.tv_nsec >= 1000000000) soon.tv_sec++, soon.tv_nsec -= 1000000000;
  IS(sem_timedwait(&semaphore, &soon) == -1 && errno == ETIMEDOUT);
  pthread_mutex_lock(&mutex);
  SHOW(pthread_mutex_trylock(&mutex) == EBUSY);
  SHOW(pthread_cond_timedwait(&cond, &mutex, &soon) == ETIMEDOUT);
  pthread_mutex_unlock(&mutex);
}

static pthread_mutex_t robust;
static void *die_holding(void *arg) {
  (void)arg;
  pthread_mutex_lock(&robust);
  return 0;
}
static void *wait_for(void *arg) { return (void *)(long)pthread_mutex_lock(arg); }
static void kinds(void) {
  pthread_mutexattr_t attributes;
  pthread_t thread;
  void *result;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&robust, &attributes);
  pthread_create(&thread, 0, die_holding, 0);
  pthread_join(thread, 0);
  IS(pthread_mutex_lock(&robust) == EOWNERDEAD);
  SHOW(pthread_mutex_consistent(&robust));
  SHOW(pthread_mutex_unlock(&robust));
  pthread_mutex_t inherit;
  pthread_mutexattr_init(&attributes);
  SHOW(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT));
  SHOW(pthread_mutex_init(&inherit, &attributes));
  SHOW(pthread_mutex_lock(&inherit));
  pthread_create(&thread, 0, wait_for, &inherit);
  usleep(2000);
  SHOW(pthread_mutex_unlock(&inherit));
  pthread_join(thread, &result);
  SHOW((long)result);
  pthread_mutex_t recursive;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&recursive, &attributes);
  SHOW(pthread_mutex_lock(&recursive));
  SHOW(pthread_mutex_lock(&recursive));
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_init(&recursive, &attributes);
  pthread_mutex_lock(&recursive);
  IS(pthread_mutex_lock(&recursive) == EDEADLK);
}

static volatile sig_atomic_t got;
static volatile pid_t by;
static void note(int signal) {
  got = signal;
  by = syscall(SYS_gettid);
}
static volatile pid_t tid;
static void *target(void *arg) {
  (void)arg;
  tid = syscall(SYS_gettid);
  while (!got) usleep(500);
  return 0;
}
static void *sigwaiter(void *arg) {
  int signal = 0;
  sigwait(arg, &signal);
  return (void *)(long)signal;
}
static void signals(void) {
  pthread_t thread;
  struct sigaction action = {.sa_handler = note};
  sigaction(SIGUSR1, &action, 0);
  pthread_create(&thread, 0, target, 0);
  while (!tid) usleep(500);
  SHOW(pthread_kill(thread, SIGUSR1));
  pthread_join(thread, 0);
  IS(got == SIGUSR1 && by == tid);
  SHOW(syscall(SYS_tgkill, getpid(), tid, SIGUSR1));
  SHOW(syscall(SYS_tgkill, getpid(), 0, SIGUSR1));
  SHOW(syscall(SYS_tkill, -1, SIGUSR1));
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &set, 0);
  pthread_create(&thread, 0, sigwaiter, &set);
  usleep(1000);
  SHOW(kill(getpid(), SIGUSR2));
  void *result;
  pthread_join(thread, &result);
  IS((long)result == SIGUSR2);
}

static long futex(int *at, int op, int value, const void *timeout, int *to, int third) {
  return syscall(SYS_futex, at, op, value, timeout, to, third);
}
static void *futex_waiter(void *arg) { return (void *)futex(arg, FUTEX_WAIT_PRIVATE, 0, 0, 0, 0); }
static void futexes(void) {
  static int word, other;
  struct timespec moment = {0, 1000000}, bad = {0, 2000000000};
  SHOW(futex(&word, FUTEX_WAIT, 1, 0, 0, 0));
  SHOW(futex(&word, FUTEX_WAIT, 0, &moment, 0, 0));
  SHOW(futex(&word, FUTEX_WAIT, 0, &bad, 0, 0));
  SHOW(futex((int *)((char *)&word + 1), FUTEX_WAIT, 0, &moment, 0, 0));
  SHOW(futex((int *)8, FUTEX_WAIT, 0, &moment, 0, 0));
  SHOW(futex(&word, FUTEX_WAKE, 1, 0, 0, 0));
  SHOW(futex(&word, FUTEX_WAIT_BITSET, 0, &moment, 0, 0));
  SHOW(futex(&word, FUTEX_WAKE_BITSET, 1, 0, 0, 0));
  SHOW(futex(&word, 99, 0, 0, 0, 0));
  SHOW(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &other, 5));
  SHOW(futex(&word, FUTEX_UNLOCK_PI, 0, 0, 0, 0));
  SHOW(futex(&word, FUTEX_TRYLOCK_PI, 0, 0, 0, 0));
  IS((word & FUTEX_TID_MASK) == getpid());
  SHOW(futex(&word, FUTEX_LOCK_PI, 0, 0, 0, 0));
  SHOW(futex(&word, FUTEX_UNLOCK_PI, 0, 0, 0, 0));
  SHOW(word);
  pthread_t threads[3];
  void *result;
  for (int i = 0; i < 3; i++) pthread_create(&threads[i], 0, futex_waiter, &word);
  usleep(5000);
  SHOW(futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)1, &other, 0));
  SHOW(futex(&word, FUTEX_WAKE_PRIVATE, 10, 0, 0, 0));
  SHOW(futex(&other, FUTEX_WAKE_PRIVATE, 10, 0, 0, 0));
  for (int i = 0; i < 3; i++) pthread_join(threads[i], &result);
  static int a = 5, b;
  // wake-op: b = 3, and wake waiters of b if it was 0
  SHOW(futex(&a, FUTEX_WAKE_OP, 1, (void *)1, &b, FUTEX_OP(FUTEX_OP_SET, 3, FUTEX_OP_CMP_EQ, 0)));
  SHOW(b);
}

static void processes(void) {
  struct both { pthread_mutex_t mutex; pthread_cond_t cond; sem_t semaphore; int value; } *both;
  both = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pthread_mutexattr_t attributes;
  pthread_condattr_t conditions;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutex_init(&both->mutex, &attributes);
  pthread_condattr_init(&conditions);
  pthread_condattr_setpshared(&conditions, PTHREAD_PROCESS_SHARED);
  pthread_cond_init(&both->cond, &conditions);
  sem_init(&both->semaphore, 1, 0);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    for (int i = 0; i < 100; i++) {
      pthread_mutex_lock(&both->mutex);
      while (both->value % 2 == 0) pthread_cond_wait(&both->cond, &both->mutex);
      both->value++;
      pthread_cond_signal(&both->cond);
      pthread_mutex_unlock(&both->mutex);
    }
    sem_post(&both->semaphore);
    _exit(0);
  }
  for (int i = 0; i < 100; i++) {
    pthread_mutex_lock(&both->mutex);
    while (both->value % 2 == 1) pthread_cond_wait(&both->cond, &both->mutex);
    both->value++;
    pthread_cond_signal(&both->cond);
    pthread_mutex_unlock(&both->mutex);
  }
  SHOW(sem_wait(&both->semaphore));
  waitpid(pid, 0, 0);
  SHOW(both->value);
}

static void *leave(void *arg) {
  usleep(5000);
  printf("the last thread\n");
  fflush(stdout);
  exit((int)(long)arg);
}

int main(void) {
  setvbuf(stdout, 0, _IOLBF, 0);
  basics();
  more();
  kinds();
  signals();
  futexes();
  processes();
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    pthread_t thread;
    pthread_create(&thread, 0, leave, (void *)12);
    pthread_exit(0);
  }
  int status;
  waitpid(pid, &status, 0);
  SHOW(WEXITSTATUS(status));
}
