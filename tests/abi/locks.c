#include "abi.h"
#include <sys/file.h>
#include <sys/wait.h>

static int lock(int fd, int cmd, int type, long start, long len) {
  struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
  return fcntl(fd, cmd, &l);
}
static void who(const char *what, int fd, int cmd, int type, long start, long len) {
  struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
  int result = fcntl(fd, cmd, &l);
  const char *kinds[] = {"read", "write", "none"};
  if (result) show(what, result);
  else if (l.l_type == F_UNLCK) printf("%s: none\n", what);
  else printf("%s: %s %ld %ld %s\n", what, kinds[l.l_type], (long)l.l_start, (long)l.l_len, l.l_pid == -1 ? "description" : l.l_pid == getppid() ? "parent" : "other");
}

int main(int argc, char **argv) {
  enter(argc, argv);
  int fd = open("file", O_RDWR | O_CREAT, 0644), status, p[2];
  write(fd, "0123456789", 10);
  SHOW(lock(fd, F_SETLK, F_WRLCK, 10, 10));
  SHOW(lock(fd, F_SETLK, F_RDLCK, 100, 0));
  SHOW(lock(fd, F_SETLK, F_WRLCK, -5, 10));
  SHOW(lock(fd, F_SETLK, 77, 0, 0));
  SHOW(lock(fd, F_SETLK, F_UNLCK, 13, 2));
  int reading = open("file", O_RDONLY);
  SHOW(lock(reading, F_SETLK, F_WRLCK, 0, 1));
  SHOW(fcntl(fd, F_SETLK, 0));
  // The descriptor that was opened for reading is not closed: that would drop the locks.
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    who("at 0", fd, F_GETLK, F_WRLCK, 0, 5);
    who("at 5", fd, F_GETLK, F_WRLCK, 5, 100);
    who("at 13", fd, F_GETLK, F_WRLCK, 13, 2);
    who("at 15", fd, F_GETLK, F_RDLCK, 15, 0);
    who("at 500, reading", fd, F_GETLK, F_RDLCK, 500, 1);
    who("at 500, writing", fd, F_GETLK, F_WRLCK, 500, 1);
    SHOW(lock(fd, F_SETLK, F_WRLCK, 10, 1));
    SHOW(lock(fd, F_SETLK, F_RDLCK, 200, 1));
    SHOW(lock(fd, F_SETLK, F_WRLCK, 200, 1));
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, &status, 0);
  pipe(p);
  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    write(p[1], "x", 1);
    int result = lock(fd, F_SETLKW, F_WRLCK, 10, 1);
    printf("waited for it: %d\n", result);
    fflush(stdout);
    _exit(0);
  }
  char c;
  read(p[0], &c, 1);
  usleep(3000);
  printf("before\n");
  fflush(stdout);
  int unlocked = lock(fd, F_SETLK, F_UNLCK, 0, 0);
  waitpid(pid, &status, 0);
  SHOW(unlocked);
  SHOW(lock(fd, F_SETLK, F_WRLCK, 0, 0));
  close(dup(fd));
  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    who("after a close", fd, F_GETLK, F_WRLCK, 0, 0);
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, &status, 0);

  int other = open("file", O_RDWR);
  SHOW(lock(fd, F_OFD_SETLK, F_WRLCK, 0, 10));
  SHOW(lock(other, F_OFD_SETLK, F_WRLCK, 5, 10));
  who("of a description", other, F_OFD_GETLK, F_WRLCK, 0, 0);
  who("of a description, for a process", other, F_GETLK, F_WRLCK, 0, 0);
  SHOW(lock(dup(fd), F_OFD_SETLK, F_UNLCK, 0, 5));
  SHOW(lock(other, F_OFD_SETLK, F_WRLCK, 0, 5));
  SHOW(lock(fd, F_OFD_SETLK, F_UNLCK, 0, 0));
  SHOW(lock(other, F_OFD_SETLK, F_UNLCK, 0, 0));

  SHOW(flock(fd, LOCK_EX));
  SHOW(flock(fd, LOCK_EX));
  SHOW(flock(other, LOCK_SH | LOCK_NB));
  SHOW(flock(fd, LOCK_SH));
  SHOW(flock(other, LOCK_SH | LOCK_NB));
  SHOW(flock(other, LOCK_EX | LOCK_NB));
  SHOW(flock(other, LOCK_UN));
  SHOW(flock(fd, 0));
  SHOW(flock(99, LOCK_EX));
  SHOW(flock(fd, LOCK_EX));
  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    // The same description: no conflict, and unlocking counts for both.
    printf("child: %d\n", flock(fd, LOCK_EX | LOCK_NB));
    printf("child: %d\n", flock(fd, LOCK_UN));
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, &status, 0);
  SHOW(flock(other, LOCK_EX | LOCK_NB));
  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    close(other);
    printf("waited: %d\n", flock(fd, LOCK_EX));
    fflush(stdout);
    _exit(0);
  }
  usleep(3000);
  printf("holder lets go\n");
  fflush(stdout);
  close(other);
  waitpid(pid, &status, 0);
}
