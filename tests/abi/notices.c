// inotify: watches, events and their order, cookies, short buffers, overflow, poll.
#include "abi.h"
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <utime.h>

static int watcher;
static const struct { uint32_t bit; const char *name; } NAMES[] = {
  {IN_ACCESS, "ACCESS"}, {IN_MODIFY, "MODIFY"}, {IN_ATTRIB, "ATTRIB"}, {IN_CLOSE_WRITE, "CLOSE_WRITE"},
  {IN_CLOSE_NOWRITE, "CLOSE_NOWRITE"}, {IN_OPEN, "OPEN"}, {IN_MOVED_FROM, "MOVED_FROM"}, {IN_MOVED_TO, "MOVED_TO"},
  {IN_CREATE, "CREATE"}, {IN_DELETE, "DELETE"}, {IN_DELETE_SELF, "DELETE_SELF"}, {IN_MOVE_SELF, "MOVE_SELF"},
  {IN_Q_OVERFLOW, "Q_OVERFLOW"}, {IN_IGNORED, "IGNORED"}, {IN_ISDIR, "ISDIR"},
};

// Prints what came; cookies as how they go together.
static void told(const char *what) {
  char buffer[8192] __attribute__((aligned(8)));
  printf("%s:", what);
  uint32_t first = 0;
  for (;;) {
    ssize_t n = read(watcher, buffer, sizeof buffer);
    if (n <= 0) break;
    for (char *at = buffer; at < buffer + n;) {
      struct inotify_event *event = (struct inotify_event *)at;
      printf(" %d", event->wd);
      for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (event->mask & NAMES[i].bit) printf(" %s", NAMES[i].name);
      if (event->cookie) {
        if (!first) first = event->cookie;
        printf(" cookie+%u", event->cookie - first);
      }
      if (event->len) printf(" '%s' in %u", event->name, event->len);
      printf(";");
      at += sizeof *event + event->len;
    }
  }
  printf(" %s\n", strerrorname_np(errno));
}

static void put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY);
  write(fd, text, strlen(text));
  close(fd);
}

static void calls(void) {
  SHOW(inotify_init1(0x1000));
  SHOW(inotify_add_watch(watcher, "dir", 0));
  SHOW(inotify_add_watch(watcher, "none", IN_ALL_EVENTS));
  SHOW(inotify_add_watch(-1, "dir", IN_ALL_EVENTS));
  SHOW(inotify_add_watch(0, "dir", IN_ALL_EVENTS));
  SHOW(inotify_add_watch(watcher, "file", IN_ALL_EVENTS | IN_ONLYDIR));
  SHOW(inotify_add_watch(watcher, "dir", IN_MASK_ADD | IN_MASK_CREATE | IN_OPEN));
  SHOW(inotify_add_watch(watcher, (char *)1, IN_OPEN));
  SHOW(inotify_rm_watch(watcher, 7));
  SHOW(inotify_rm_watch(-1, 7));
  SHOW(inotify_rm_watch(0, 7));
  SHOW(write(watcher, "x", 1));
  SHOW(read(watcher, &(char){0}, 1));
  SHOW(inotify_add_watch(watcher, "dir", IN_ALL_EVENTS));
  SHOW(inotify_add_watch(watcher, "dir/../dir", IN_ALL_EVENTS));
  SHOW(inotify_add_watch(watcher, "dir", IN_ALL_EVENTS | IN_MASK_CREATE));
}

static void entries(void) {
  int fd = open("dir/a", O_CREAT | O_WRONLY, 0644);
  told("create");
  write(fd, "one", 3);
  write(fd, "two", 3);
  told("write twice");
  ftruncate(fd, 1);
  told("truncate");
  fchmod(fd, 0600);
  told("chmod");
  close(fd);
  told("close");
  char byte;
  fd = open("dir/a", O_RDONLY);
  read(fd, &byte, 1);
  read(fd, &byte, 1);
  close(fd);
  told("read to the end");
  truncate("dir/a", 0);
  told("truncate by name");
  close(open("dir/a", O_RDWR | O_CREAT, 0644));
  told("create what is there");
  utime("dir/a", NULL);
  told("times");
  mkdir("dir/sub", 0755);
  told("mkdir");
  symlink("a", "dir/link");
  link("dir/a", "dir/b");
  told("symlink, link");
  rename("dir/a", "dir/c");
  told("rename inside");
  rename("dir/c", "other");
  told("rename out");
  rename("other", "dir/c");
  told("rename in");
  rename("dir/sub", "dir/sub2");
  told("rename a directory");
  make("dir/over", "x");
  told("make");
  rename("dir/over", "dir/c");
  told("rename over");
  unlink("dir/c");
  unlink("dir/b");
  unlink("dir/link");
  rmdir("dir/sub2");
  told("remove all");
  unlink("dir/none");
  told("what failed");
}

static void selves(void) {
  make("dir/f", "text");
  told("make");
  int wd = SHOW(inotify_add_watch(watcher, "dir/f", IN_ALL_EVENTS));
  put("dir/f", "more");
  told("both are told");
  SHOW(inotify_add_watch(watcher, "dir/f", IN_CLOSE_WRITE));
  put("dir/f", "more");
  told("fewer events");
  SHOW(inotify_add_watch(watcher, "dir/f", IN_ATTRIB | IN_MASK_ADD));
  chmod("dir/f", 0644);
  put("dir/f", "more");
  told("one more event");
  SHOW(inotify_add_watch(watcher, "dir/f", IN_ALL_EVENTS));
  link("dir/f", "hard");
  rename("dir/f", "dir/g");
  told("names change");
  unlink("hard");
  told("one of two names goes");
  int fd = open("dir/g", O_RDONLY);
  unlink("dir/g");
  told("the last name of an open file goes");
  close(fd);
  told("and it is closed");
  SHOW(inotify_rm_watch(watcher, wd));
  make("dir/once", "x");
  told("make");
  wd = SHOW(inotify_add_watch(watcher, "dir/once", IN_OPEN | IN_ONESHOT));
  close(open("dir/once", O_RDONLY));
  close(open("dir/once", O_RDONLY));
  told("once");
  wd = SHOW(inotify_add_watch(watcher, "dir/once", IN_DELETE_SELF));
  unlink("dir/once");
  told("delete");
  mkdir("gone", 0755);
  wd = SHOW(inotify_add_watch(watcher, "gone", IN_ALL_EVENTS));
  rename("gone", "gone2");
  rmdir("gone2");
  told("a watched directory goes");
  symlink("dir", "to");
  wd = SHOW(inotify_add_watch(watcher, "to", IN_ALL_EVENTS | IN_DONT_FOLLOW));
  unlink("to");
  told("a watched link goes");
}

static void reading(void) {
  char small[16 + 15] __attribute__((aligned(8)));
  make("dir/x", "");
  struct pollfd entry = {watcher, POLLIN | POLLOUT, 0};
  SHOW(poll(&entry, 1, 0));
  IS(entry.revents == POLLIN);
  int bytes = 0;
  SHOW(ioctl(watcher, FIONREAD, &bytes));
  printf("bytes %d\n", bytes);
  SHOW(read(watcher, small, sizeof small));
  char room[32 + 31] __attribute__((aligned(8)));
  SHOW(read(watcher, room, sizeof room));
  told("the rest");
  SHOW(poll(&entry, 1, 0));
  char name[200];
  memset(name, 'n', sizeof name);
  memcpy(name, "dir/", 4);
  for (int length = 15; length < 18; length++) {
    name[4 + length] = 0;
    close(open(name, O_CREAT, 0644));
    told("padding");
    unlink(name);
    told("and off");
    name[4 + length] = 'n';
  }
}

static void overflow(void) {
  int most = 16384;
  for (int i = 0; i < most; i++) {
    chmod("dir/x", 0644);
    utime("dir/x", NULL);
    close(open("dir/x", O_RDONLY));
  }
  char buffer[65536] __attribute__((aligned(8)));
  int events = 0, last = 0;
  for (ssize_t n; (n = read(watcher, buffer, sizeof buffer)) > 0;)
    for (char *at = buffer; at < buffer + n; at += sizeof(struct inotify_event) + ((struct inotify_event *)at)->len) {
      events++;
      last = ((struct inotify_event *)at)->mask;
      if (last == IN_Q_OVERFLOW) printf("overflow of %d\n", ((struct inotify_event *)at)->wd);
    }
  IS(events == most + 1);
  IS(last == IN_Q_OVERFLOW);
}

int main(int argc, char **argv) {
  enter(argc, argv);
  mkdir("dir", 0755);
  make("file", "text");
  watcher = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  printf("flags %x %x\n", fcntl(watcher, F_GETFL), fcntl(watcher, F_GETFD));
  calls();
  entries();
  selves();
  reading();
  overflow();
  return 0;
}
