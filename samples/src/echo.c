// Prints its arguments and environment, one a line, then the count of arguments as its exit code.
#include "tiny.h"

long sample_main(int argc, char **argv, char **envp) {
  for (int i = 1; i < argc; i++) {
    say("argument ");
    say_number(i, 10);
    say(": ");
    say(argv[i]);
    say("\n");
  }
  for (; *envp; envp++) {
    say("environment: ");
    say(*envp);
    say("\n");
  }
  return argc - 1;
}
