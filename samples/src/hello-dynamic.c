// The same as a position-independent program that needs an interpreter (ld.so) and libc.so.6 from a root.
#include "hello.c"
