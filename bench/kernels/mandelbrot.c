// Floating point: the area of the Mandelbrot set by counting points, with a smooth colour summed over those outside.
#include <math.h>
#include <stdio.h>
#define WIDTH 1200
#define HEIGHT 800
#define LIMIT 800

int main(void) {
  long inside = 0;
  double colour = 0;
  for (int row = 0; row < HEIGHT; row++)
    for (int column = 0; column < WIDTH; column++) {
      double cr = -2.25 + 3.0 * column / WIDTH, ci = -1.125 + 2.25 * row / HEIGHT, zr = 0, zi = 0;
      int step = 0;
      for (; step < LIMIT && zr * zr + zi * zi < 16; step++) {
        double next = zr * zr - zi * zi + cr;
        zi = 2 * zr * zi + ci;
        zr = next;
      }
      if (step == LIMIT) inside++;
      else colour += sqrt(step) / sqrt(zr * zr + zi * zi);
    }
  printf("%ld %.0f\n", inside, colour);
  return inside < 200000 || inside > 250000;
}
