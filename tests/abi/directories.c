#include "abi.h"
#include <dirent.h>

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void list(const char *path) {
  static const char *const types[] = {[DT_DIR] = "dir", [DT_REG] = "file", [DT_LNK] = "link", [DT_FIFO] = "fifo"};
  char *names[64];
  int count = 0;
  DIR *dir = opendir(path);
  if (!dir) {
    show(path, -1);
    return;
  }
  for (struct dirent *entry; (entry = readdir(dir)); count++)
    if (asprintf(&names[count], "%s %s", entry->d_name, types[entry->d_type]) < 0) exit(2);
  closedir(dir);
  qsort(names, count, sizeof *names, compare);
  printf("%s:", path);
  for (int i = 0; i < count; i++) printf(" (%s)", names[i]);
  printf("\n");
}

int main(int argc, char **argv) {
  enter(argc, argv);
  char path[5000], *base = getcwd(path, sizeof path);
  IS(base && base[0] == '/');
  size_t length = strlen(path);
  SHOW(syscall(SYS_getcwd, path, 1));
  SHOW(mkdir("a", 0755));
  SHOW(mkdir("a", 0755));
  SHOW(mkdir("a/b", 0700));
  SHOW(mkdir("x/y", 0755));
  SHOW(mkdir("", 0755));
  SHOW(mkdir(".", 0755));
  SHOW(make("a/file", "1"));
  SHOW(mkdir("a/file/c", 0755));
  SHOW(symlink("b", "a/link"));
  SHOW(symlink("nowhere", "a/broken"));
  list(".");
  list("a");
  list("a/link");
  list("a/file");
  list("missing");
  SHOW(rmdir("a"));
  SHOW(rmdir("a/file"));
  SHOW(rmdir("a/link"));
  SHOW(unlink("a/b"));
  SHOW(rmdir("missing"));
  SHOW(rmdir("a/b/."));
  SHOW(chdir("a/link"));
  getcwd(path, sizeof path);
  printf("  %s\n", path + length);
  SHOW(access("../file", F_OK));
  SHOW(access("../../a/./b/../file", F_OK));
  SHOW(chdir(".."));
  SHOW(chdir("file"));
  SHOW(chdir("missing"));
  SHOW(open(".", O_RDONLY | O_WRONLY));
  SHOW(open("file", O_RDONLY | O_DIRECTORY));
  SHOW(open("file/", O_RDONLY));
  SHOW(open("b", O_RDWR));
  int here = open(".", O_RDONLY | O_DIRECTORY);
  char byte;
  SHOW(read(here, &byte, 1));
  SHOW(fchdir(here));
  int inside = openat(here, "file", O_RDONLY);
  SHOW(read(inside, &byte, 1));
  SHOW(openat(inside, "x", O_RDONLY));
  SHOW(openat(99, "x", O_RDONLY));
  SHOW(mkdirat(here, "c", 0755));
  SHOW(renameat(here, "c", here, "b"));
  list(".");
  SHOW(mkdir("d", 0755));
  SHOW(make("d/inner", "2"));
  SHOW(rename("b", "d"));
  SHOW(rename("file", "d"));
  SHOW(rename("d", "file"));
  SHOW(rename("d", "d/inside"));
  SHOW(rename("d", "e"));
  list("e");
  SHOW(unlinkat(here, "e", 0));
  SHOW(unlinkat(here, "e/inner", 0));
  SHOW(unlinkat(here, "e", AT_REMOVEDIR));
  SHOW(unlinkat(here, "b", AT_REMOVEDIR));
  SHOW(fchdir(inside));
  char *name = malloc(300);
  memset(name, 'n', 299);
  name[299] = 0;
  SHOW(mkdir(name, 0755));
  name[255] = 0;
  SHOW(mkdir(name, 0755));
  SHOW(rmdir(name));
  memset(path, '/', sizeof path);
  path[sizeof path - 1] = 0;
  SHOW(open(path, O_RDONLY));
  path[4000] = 0;
  SHOW(access(path, F_OK));
  list(".");
  for (int i = 0; i < 300; i++) {
    snprintf(path, sizeof path, "many-%03d", i);
    if (make(path, "") != 0) return 1;
  }
  int count = 0;
  DIR *dir = opendir(".");
  while (readdir(dir)) count++;
  SHOW(count);
  rewinddir(dir);
  for (count = 0; readdir(dir); count++) continue;
  SHOW(count);
  closedir(dir);
  SHOW(syscall(SYS_getdents64, here, path, 10));
  return 0;
}
