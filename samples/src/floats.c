// Floating point through the C library: printf in every form, the mathematics library, conversions, special values.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  static volatile double values[] = {0.0, -0.0, 1.0, -1.5, 0.1, 1e300, 5e-324, 2.2250738585072014e-308, 123456789.125, 1.0 / 3};
  for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
    double x = values[i];
    printf("%g %.17g %e %a %.3f\n", x, x, x, x, fabs(x) < 1e20 ? x : 0.0);
    printf("  sqrt %.17g sin %.17g exp %.17g log1p %.17g fma %.17g\n", sqrt(fabs(x)), sin(x), exp(fmod(x, 10)),
           log1p(fabs(x)), fma(x, x, -x));
    printf("  float %.9g floor %g ceil %g round %g rint %g trunc %g\n", (double)(float)x, floor(x), ceil(x), round(x),
           rint(x), trunc(x));
  }
  volatile double zero = 0, big = 1e308;
  printf("%g %g %g %d\n", 1 / zero, -1 / zero, big * 10, isnan(zero / zero) != 0);
  printf("%ld %ld %d %u\n", lround(2.5), lrint(3.5), (int)-7.9, (unsigned)4e9);
  printf("%.20Lf\n", 1.0L / 3);
  printf("%.17g %.17g\n", strtod("3.14159265358979323846", 0), strtod("0x1.8p-1074", 0));
  return 0;
}
