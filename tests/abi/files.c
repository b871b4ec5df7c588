#include "abi.h"
#include <sys/sendfile.h>
#include <sys/uio.h>

static char text[64];

static void rest(int fd) {
  ssize_t got = read(fd, text, sizeof text - 1);
  text[got < 0 ? 0 : got] = 0;
  printf("  [%s]\n", text);
}

int main(int argc, char **argv) {
  enter(argc, argv);
  SHOW(open("missing", O_RDONLY));
  SHOW(open("", O_RDONLY));
  int fd = open("file", O_RDWR | O_CREAT | O_EXCL, 0600);
  IS(fd == 3);
  SHOW(open("file", O_RDWR | O_CREAT | O_EXCL, 0600));
  SHOW(write(fd, "hello world", 11));
  SHOW(lseek(fd, 0, SEEK_CUR));
  SHOW(lseek(fd, -5, SEEK_END));
  rest(fd);
  SHOW(lseek(fd, -1, SEEK_SET));
  SHOW(lseek(fd, 0, 99));
  SHOW(lseek(fd, 20, SEEK_SET));
  SHOW(read(fd, text, 5));
  SHOW(write(fd, "x", 1));
  SHOW(lseek(fd, 0, SEEK_END));
  SHOW(pread(fd, text, 12, 10));
  IS(text[0] == 'd' && text[1] == 0 && text[10] == 'x');
  SHOW(pwrite(fd, "HE", 2, 0));
  SHOW(pread(fd, text, 1, -1));
  SHOW(ftruncate(fd, 5));
  SHOW(ftruncate(fd, -1));
  SHOW(lseek(fd, 0, SEEK_SET));
  rest(fd);

  int copy = dup(fd);
  SHOW(lseek(fd, 2, SEEK_SET));
  rest(copy);
  SHOW(dup2(fd, 10));
  SHOW(dup2(fd, fd));
  SHOW(dup2(99, 11));
  SHOW(dup3(fd, fd, 0));
  SHOW(fcntl(fd, F_DUPFD, 20));
  SHOW(fcntl(fd, F_GETFD));
  SHOW(fcntl(fd, F_SETFD, FD_CLOEXEC));
  SHOW(fcntl(fd, F_GETFD));
  SHOW(fcntl(copy, F_GETFD));
  SHOW(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
  SHOW(close(10));
  SHOW(close(10));
  SHOW(read(10, text, 1));
  SHOW(close(-1));

  int reader = open("file", O_RDONLY), writer = open("file", O_WRONLY | O_APPEND);
  SHOW(write(reader, "x", 1));
  SHOW(read(writer, text, 1));
  SHOW(write(writer, "!", 1));
  SHOW(lseek(writer, 0, SEEK_SET));
  SHOW(write(writer, "?", 1));
  rest(reader);
  rest(reader);
  SHOW(fcntl(writer, F_GETFL) & (O_ACCMODE | O_APPEND));

  struct iovec parts[3] = {{"one ", 4}, {"", 0}, {"two", 3}};
  SHOW(writev(writer, parts, 3));
  SHOW(writev(writer, parts, -1));
  SHOW(writev(writer, parts, 0));
  SHOW(pread(reader, text, 14, 0));
  char first[4] = "", second[20] = "";
  struct iovec into[2] = {{first, 3}, {second, 19}};
  SHOW(lseek(reader, 0, SEEK_SET));
  SHOW(readv(reader, into, 2));
  printf("  [%s] [%s]\n", first, second);

  SHOW(link("file", "second"));
  SHOW(link("file", "second"));
  SHOW(unlink("file"));
  SHOW(unlink("file"));
  SHOW(rename("second", "third"));
  SHOW(rename("second", "third"));
  SHOW(unlink("third"));
  SHOW(pread(reader, text, 5, 0));
  SHOW(symlink("target", "link"));
  SHOW(symlink("target", "link"));
  memset(text, 0, sizeof text);
  SHOW(readlink("link", text, sizeof text));
  printf("  [%s]\n", text);
  SHOW(readlink("link", text, 3));
  SHOW(readlink(".", text, 3));
  SHOW(open("link", O_RDONLY));
  SHOW(open("link", O_RDONLY | O_NOFOLLOW));
  SHOW(close(open("link", O_WRONLY | O_CREAT, 0644)));
  SHOW(access("target", F_OK));
  SHOW(symlink("loop", "loop"));
  SHOW(open("loop", O_RDONLY));
  SHOW(access("link", W_OK));
  SHOW(access("nothing", F_OK));
  SHOW(truncate("target", 100));
  SHOW(truncate("nothing", 1));
  SHOW(open("target/below", O_RDONLY));
  SHOW(make("from", "abcdefghij"));
  int in = open("from", O_RDONLY), out = open("to", O_RDWR | O_CREAT, 0644);
  off_t from = 2;
  SHOW(sendfile(out, in, &from, 5));
  SHOW(from);
  SHOW(lseek(out, 0, SEEK_SET));
  rest(out);
  SHOW(fsync(out));
  SHOW(fdatasync(99));
  const char *devices[] = {"/dev/null", "/dev/zero"};
  for (int i = 0; i < 2; i++) {
    int device = open(devices[i], O_RDWR);
    SHOW(lseek(device, 7, SEEK_SET));
    SHOW(lseek(device, -7, SEEK_END));
    SHOW(lseek(device, 0, 99));
    SHOW(pread(device, text, 8, 100));
    SHOW(pwrite(device, text, 8, 100));
    SHOW(pread(device, text, 8, -1));
    close(device);
  }
  SHOW(close_range(20, 30, 0));
  SHOW(fcntl(20, F_GETFD));
  return 0;
}
