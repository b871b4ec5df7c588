// The usual first program, with the C library's start-up and stdio.
#include <stdio.h>

int main(void) {
  puts("Hello from another machine.");
  return 0;
}
