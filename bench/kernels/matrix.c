// Floating point: matrix products, with the transposed layout and without, and their trace.
#include <math.h>
#include <stdio.h>
#define SIZE 400

static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE], d[SIZE][SIZE], turned[SIZE][SIZE];

static void product_by_rows(void) {
  for (int i = 0; i < SIZE; i++)
    for (int k = 0; k < SIZE; k++) {
      double factor = a[i][k];
      for (int j = 0; j < SIZE; j++) c[i][j] += factor * b[k][j];
    }
}

static void product_by_dots(void) {
  for (int i = 0; i < SIZE; i++)
    for (int j = 0; j < SIZE; j++) turned[j][i] = b[i][j];
  for (int i = 0; i < SIZE; i++)
    for (int j = 0; j < SIZE; j++) {
      double sum = 0;
      for (int k = 0; k < SIZE; k++) sum += a[i][k] * turned[j][k];
      d[i][j] = sum;
    }
}

int main(void) {
  double trace = 0, difference = 0;
  for (int round = 0; round < 10; round++) {
    for (int i = 0; i < SIZE; i++)
      for (int j = 0; j < SIZE; j++) {
        a[i][j] = (i * 7 + j * 3 + round) % 11 - 5;
        b[i][j] = ((i * 5 + j * 13 + round) % 17 - 8) / 4.0;
        c[i][j] = 0;
      }
    product_by_rows();
    product_by_dots();
    for (int i = 0; i < SIZE; i++) {
      trace += c[i][i];
      for (int j = 0; j < SIZE; j++) difference += fabs(c[i][j] - d[i][j]);
    }
  }
  printf("%.3f %.3f\n", trace, difference);
  return difference != 0;
}
