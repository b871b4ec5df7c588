// Floating point: the spectral norm of an infinite matrix, by the power method; divisions dominate.
#include <math.h>
#include <stdio.h>
#define SIZE 2400

static double entry(int i, int j) { return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1); }

static void times(const double *from, double *to) {
  for (int i = 0; i < SIZE; i++) {
    double sum = 0;
    for (int j = 0; j < SIZE; j++) sum += entry(i, j) * from[j];
    to[i] = sum;
  }
}

static void times_transposed(const double *from, double *to) {
  for (int i = 0; i < SIZE; i++) {
    double sum = 0;
    for (int j = 0; j < SIZE; j++) sum += entry(j, i) * from[j];
    to[i] = sum;
  }
}

int main(void) {
  static double u[SIZE], v[SIZE], between[SIZE];
  double uv = 0, vv = 0;
  for (int i = 0; i < SIZE; i++) u[i] = 1;
  for (int round = 0; round < 16; round++) {
    times(u, between);
    times_transposed(between, v);
    times(v, between);
    times_transposed(between, u);
  }
  for (int i = 0; i < SIZE; i++) uv += u[i] * v[i], vv += v[i] * v[i];
  printf("%.9f\n", sqrt(uv / vv));
  return fabs(sqrt(uv / vv) - 1.274224) > 1e-5;
}
