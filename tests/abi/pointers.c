#include "abi.h"
#include <poll.h>
#include <sys/uio.h>
#include <time.h>

#define BAD ((void *)8)
#define WILD ((void *)0x7fffffffffff0000)

int main(int argc, char **argv) {
  enter(argc, argv);
  const size_t page = 4096;
  // The last bytes before a page that nobody may touch.
  char *map = mmap(0, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *edge = map + page;
  char *locked = mmap(0, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(edge, page, PROT_NONE);
  SHOW(make("file", "0123456789"));
  int fd = open("file", O_RDWR);
  SHOW(read(fd, BAD, 5));
  SHOW(read(fd, WILD, 5));
  SHOW(read(fd, locked, 5));
  SHOW(lseek(fd, 0, SEEK_CUR));
  SHOW(read(fd, BAD, 0));
  SHOW(write(fd, BAD, 5));
  SHOW(write(fd, edge - 5, 5));
  SHOW(pread(fd, BAD, 5, 0));
  SHOW(open(BAD, O_RDONLY));
  SHOW(open(0, O_RDONLY));
  strcpy(edge - 5, "file");
  SHOW(close(open(edge - 5, O_RDONLY)));
  memcpy(edge - 4, "file", 4);
  SHOW(open(edge - 4, O_RDONLY));
  SHOW(syscall(SYS_newfstatat, AT_FDCWD, "file", BAD, 0));
  SHOW(syscall(SYS_newfstatat, AT_FDCWD, BAD, map, 0));
  SHOW(syscall(SYS_getcwd, BAD, 100));
  SHOW(syscall(SYS_uname, BAD));
  SHOW(syscall(SYS_clock_gettime, CLOCK_REALTIME, BAD));
  SHOW(syscall(SYS_nanosleep, BAD, 0));
  SHOW(syscall(SYS_pipe2, BAD, 0));
  SHOW(syscall(SYS_getrandom, BAD, 10, 0));
  SHOW(symlink("target", "link"));
  SHOW(syscall(SYS_readlinkat, AT_FDCWD, "link", BAD, 10));
  SHOW(syscall(SYS_getdents64, fd, BAD, 100));
  SHOW(syscall(SYS_rt_sigprocmask, SIG_BLOCK, BAD, 0, 8));
  SHOW(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 0, 0, 7));
  SHOW(syscall(SYS_rt_sigaction, SIGUSR1, BAD, 0, 8));
  SHOW(syscall(SYS_rt_sigaction, 999, 0, 0, 8));
  SHOW(syscall(SYS_ppoll, BAD, 1, 0, 0, 8));
  struct iovec broken[2] = {{map, 3}, {BAD, 3}};
  SHOW(writev(fd, BAD, 2));
  SHOW(writev(fd, broken, 100000));
  SHOW(lseek(fd, 0, SEEK_SET));
  SHOW(readv(fd, broken, 2));
  SHOW(mkdir(BAD, 0755));
  SHOW(rename("file", BAD));
  SHOW(symlink(BAD, "x"));
  SHOW(syscall(SYS_getrusage, 0, BAD));
  SHOW(syscall(SYS_prlimit64, 0, 7, 0, BAD));
  SHOW(lseek(fd, 0, SEEK_SET));
  SHOW(read(fd, edge - 5, 5));
  IS(memcmp(edge - 5, "\0\0\0\0\0", 5) == 0);
  SHOW(fcntl(fd, F_GETLK, BAD));
  SHOW(fcntl(fd, 9999, 0));
  return 0;
}
