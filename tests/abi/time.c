#include "abi.h"
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

static double seconds(struct timespec t) { return t.tv_sec + t.tv_nsec / 1e9; }

int main(void) {
  struct timespec before, after, real, resolution, left;
  struct timeval day;
  SHOW(clock_gettime(CLOCK_MONOTONIC, &before));
  SHOW(clock_gettime(CLOCK_REALTIME, &real));
  SHOW(gettimeofday(&day, 0));
  IS(real.tv_sec > 1600000000 && labs(real.tv_sec - day.tv_sec) <= 1 && labs(real.tv_sec - time(0)) <= 1);
  const struct timespec nap = {0, 20000000}, bad = {0, 1000000000}, negative = {-1, 0};
  SHOW(nanosleep(&nap, &left));
  SHOW(clock_gettime(CLOCK_MONOTONIC, &after));
  IS(seconds(after) - seconds(before) >= 0.02);
  SHOW(nanosleep(&bad, 0));
  SHOW(nanosleep(&negative, 0));
  errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &before, 0);
  printf("a time that has passed: %d\n", errno);
  printf("no such clock: %d\n", clock_nanosleep(12345, 0, &nap, 0) == EINVAL);
  SHOW(clock_gettime(12345, &real));
  SHOW(clock_getres(CLOCK_MONOTONIC, &resolution));
  IS(resolution.tv_sec == 0 && resolution.tv_nsec > 0);
  SHOW(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before));
  volatile double sum = 0;
  for (int i = 0; i < 2000000; i++) sum += i;
  SHOW(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after));
  IS(seconds(after) > seconds(before));
  SHOW(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after));
  SHOW(clock_gettime(CLOCK_BOOTTIME, &after));
  SHOW(clock_gettime(CLOCK_MONOTONIC_RAW, &after));
  SHOW(clock_gettime(CLOCK_REALTIME_COARSE, &after));
  struct rusage used;
  struct tms ticks;
  SHOW(getrusage(RUSAGE_SELF, &used));
  IS(used.ru_maxrss > 0);
  SHOW(getrusage(99, &used));
  OKAY(times(&ticks));
  SHOW(sysconf(_SC_CLK_TCK));
  time_t then = 1e9;
  char text[64];
  setenv("TZ", "UTC0", 1);
  strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %Z", localtime(&then));
  puts(text);
  return 0;
}
