#include "abi.h"
#include <sys/ioctl.h>
#include <termios.h>

int main(int argc, char **argv) {
  enter(argc, argv);
  struct termios settings;
  struct winsize size;
  int number = 0;
  SHOW(isatty(0));
  SHOW(isatty(1));
  SHOW(isatty(99));
  SHOW(tcgetattr(1, &settings));
  SHOW(ioctl(1, TIOCGWINSZ, &size));
  SHOW(make("file", "12345"));
  int fd = open("file", O_RDONLY);
  SHOW(isatty(fd));
  SHOW(ioctl(fd, TCGETS, &settings));
  SHOW(ioctl(fd, FIONREAD, &number));
  SHOW(number);
  SHOW(ioctl(fd, FIOCLEX));
  SHOW(fcntl(fd, F_GETFD));
  SHOW(ioctl(fd, FIONCLEX));
  SHOW(fcntl(fd, F_GETFD));
  number = 1;
  SHOW(ioctl(fd, FIONBIO, &number));
  IS(fcntl(fd, F_GETFL) & O_NONBLOCK);
  SHOW(ioctl(99, TCGETS, &settings));
  SHOW(ioctl(fd, 0x12345678, 0));
  SHOW(tcgetpgrp(1));
  SHOW(ttyname_r(1, (char[32]){0}, 32) == ENOTTY);
  return 0;
}
