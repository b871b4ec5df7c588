#include "abi.h"
#include <sys/statfs.h>
#include <sys/sysmacros.h>

static void tell(const char *what, const struct stat *s) {
  printf("%s: mode %o size %ld links %ld mtime %ld.%09ld atime %ld\n", what, s->st_mode, S_ISDIR(s->st_mode) ? 0 : (long)s->st_size,
         S_ISDIR(s->st_mode) ? 0 : (long)s->st_nlink, (long)s->st_mtim.tv_sec, s->st_mtim.tv_nsec, (long)s->st_atim.tv_sec);
}

int main(int argc, char **argv) {
  enter(argc, argv);
  struct stat s, other;
  struct statx x;
  const struct timespec times[2] = {{1000000001, 250000000}, {1234567890, 500000000}};
  umask(027);
  SHOW(umask(022));
  umask(027);
  SHOW(mkdir("dir", 0777));
  SHOW(close(open("file", O_WRONLY | O_CREAT, 0666)));
  SHOW(truncate("file", 10000));
  SHOW(symlink("file", "link"));
  SHOW(link("file", "again"));
  SHOW(utimensat(AT_FDCWD, "file", times, 0));
  SHOW(utimensat(AT_FDCWD, "dir", times, 0));
  SHOW(utimensat(AT_FDCWD, "link", times, AT_SYMLINK_NOFOLLOW));
  SHOW(utimensat(AT_FDCWD, "missing", times, 0));
  SHOW(stat("file", &s));
  tell("file", &s);
  IS(s.st_blksize >= 512 && S_ISREG(s.st_mode));
  SHOW(stat("again", &other));
  IS(s.st_ino == other.st_ino && s.st_dev == other.st_dev);
  SHOW(stat("dir", &s));
  tell("dir", &s);
  SHOW(lstat("link", &s));
  printf("link: mode %o size %ld\n", s.st_mode, (long)s.st_size);
  is("a link has its own times", s.st_mtim.tv_sec == 1234567890);
  SHOW(stat("link", &s));
  tell("through the link", &s);
  SHOW(stat("missing", &s));
  SHOW(stat("file/x", &s));
  SHOW(fstat(99, &s));
  SHOW(fstatat(AT_FDCWD, "link", &s, AT_SYMLINK_NOFOLLOW));
  SHOW(S_ISLNK(s.st_mode));
  int fd = open("file", O_RDONLY);
  SHOW(fstatat(fd, "", &s, AT_EMPTY_PATH));
  SHOW(fstatat(fd, "", &s, 0));
  SHOW(fstat(fd, &other));
  IS(s.st_ino == other.st_ino);
  SHOW(chmod("file", 0741));
  SHOW(fstat(fd, &s));
  printf("  %o\n", s.st_mode);
  SHOW(fchmod(fd, 0600));
  SHOW(stat("file", &s));
  printf("  %o\n", s.st_mode);
  SHOW(chmod("missing", 0600));
  SHOW(statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS, &x));
  printf("  mode %o size %llu mtime %lld.%u links %u mask %x\n", x.stx_mode, (unsigned long long)x.stx_size,
         (long long)x.stx_mtime.tv_sec, x.stx_mtime.tv_nsec, x.stx_nlink, x.stx_mask & STATX_BASIC_STATS);
  IS(x.stx_ino == s.st_ino && makedev(x.stx_dev_major, x.stx_dev_minor) == s.st_dev);
  SHOW(statx(AT_FDCWD, "missing", 0, STATX_BASIC_STATS, &x));
  const struct timespec omit[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
  SHOW(futimens(fd, omit));
  SHOW(fstat(fd, &s));
  IS(s.st_atim.tv_sec == 1000000001 && s.st_mtim.tv_sec > 1600000000);
  struct statfs f;
  SHOW(statfs(".", &f));
  IS(f.f_bsize > 0 && f.f_namelen == 255);
  SHOW(statfs("missing", &f));
  SHOW(access("file", X_OK) == 0 && getuid() != 0);
  SHOW(faccessat(AT_FDCWD, "file", R_OK | W_OK, 0));
  SHOW(faccessat(AT_FDCWD, "file", 99, 0));
  printf("sizes %zu %zu\n", sizeof x, sizeof(struct timespec));
  return 0;
}
