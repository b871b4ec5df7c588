#include "abi.h"

static const size_t page = 4096;

int main(int argc, char **argv) {
  enter(argc, argv);
  char *a = mmap(0, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  IS(a != MAP_FAILED && ((uintptr_t)a & (page - 1)) == 0);
  IS(a[0] == 0 && a[4 * page - 1] == 0);
  a[page] = 7;
  SHOW(munmap(a + 2 * page, page));
  SHOW(munmap(a + 2 * page, page));
  SHOW(munmap(a + 1, page));
  SHOW(munmap(a, 0));
  IS(a[page] == 7);
  char *back = mmap(a + 2 * page, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  IS(back == a + 2 * page && *back == 0);
  SHOW(mmap(a, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED);
  IS(errno == EEXIST);
  SHOW(mprotect(a, 2 * page, PROT_READ));
  SHOW(mprotect(a + 1, page, PROT_READ));
  IS(mmap(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL);
  IS(mmap(0, page, PROT_READ, MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL);
  IS(mmap(0, page, PROT_READ, MAP_PRIVATE, 99, 0) == MAP_FAILED && errno == EBADF);
  IS(mmap(0, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 1) == MAP_FAILED && errno == EINVAL);
  IS(mmap(0, (size_t)1 << 62, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == ENOMEM);

  SHOW(make("file", "0123456789"));
  int fd = open("file", O_RDWR);
  char *private = mmap(0, page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  IS(memcmp(private, "0123456789", 11) == 0);
  private[0] = 'P';
  char *shared = mmap(0, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  IS(shared[0] == '0');
  shared[1] = 'S';
  SHOW(msync(shared, page, MS_SYNC));
  char text[11] = "";
  SHOW(pread(fd, text, 10, 0));
  printf("  [%s]\n", text);
  SHOW(pwrite(fd, "W", 1, 2));
  is("a mapping sees what is written", shared[2] == 'W');
  SHOW(munmap(shared, page));
  SHOW(pread(fd, text, 10, 0));
  printf("  [%s]\n", text);
  int reader = open("file", O_RDONLY), writer = open("file", O_WRONLY);
  IS(mmap(0, page, PROT_READ | PROT_WRITE, MAP_SHARED, reader, 0) == MAP_FAILED && errno == EACCES);
  IS(mmap(0, page, PROT_READ, MAP_PRIVATE, writer, 0) == MAP_FAILED && errno == EACCES);
  IS(mmap(0, page, PROT_READ | PROT_WRITE, MAP_PRIVATE, reader, 0) != MAP_FAILED);
  SHOW(ftruncate(fd, 2 * page));
  SHOW(pwrite(fd, "second", 6, page));
  char *second = mmap(0, page, PROT_READ, MAP_PRIVATE, fd, page);
  IS(memcmp(second, "second", 7) == 0);

  char *moving = mmap(0, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  strcpy(moving, "kept");
  char *grown = mremap(moving, page, 8 * page, MREMAP_MAYMOVE);
  IS(grown != MAP_FAILED && strcmp(grown, "kept") == 0 && grown[8 * page - 1] == 0);
  IS(mremap(grown, 8 * page, page, 0) == grown);
  SHOW(madvise(grown, page, MADV_DONTNEED));
  IS(grown[0] == 0);
  SHOW(madvise(grown + 1, page, MADV_DONTNEED));
  SHOW(madvise(grown, page, 12345));

  char *top = sbrk(0);
  IS(sbrk(3 * page) == top);
  top[0] = top[3 * page - 1] = 1;
  IS((char *)sbrk(0) == top + 3 * page);
  IS(brk(top) == 0 && sbrk(0) == top);
  IS(sbrk(page) == top && top[0] == 0);

  // A large reservation costs nothing, and parts of it can be made usable.
  char *reserved = mmap(0, (size_t)256 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  IS(reserved != MAP_FAILED);
  SHOW(mprotect(reserved + (100 << 20), page, PROT_READ | PROT_WRITE));
  reserved[100 << 20] = 1;
  SHOW(munmap(reserved, (size_t)256 << 20));
  for (int i = 0; i < 200; i++) {
    char *block = malloc(1000 * (i + 1));
    memset(block, i, 1000 * (i + 1));
    if (i % 3) free(block);
  }
  void *aligned;
  IS(posix_memalign(&aligned, 1 << 16, 100) == 0 && ((uintptr_t)aligned & 0xffff) == 0);
  SHOW(mlock(a, page));
  SHOW(munlock(a, page));
  int memory = memfd_create("name", 0);
  SHOW(ftruncate(memory, page));
  char *seen = mmap(0, page, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  seen[5] = 'm';
  SHOW(pread(memory, text, 1, 5));
  is("a memory file has what its mapping wrote", text[0] == 'm');
  return 0;
}
