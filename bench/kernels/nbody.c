// Floating point: planets under gravity, integrated in small steps; their energy is known to change little.
#include <math.h>
#include <stdio.h>
#define BODIES 5
#define STEPS 4000000

struct body {
  double x, y, z, vx, vy, vz, mass;
};

// Starting places (in astronomical units) and speeds (a day) are a rounded snapshot; mass in solar masses times 4 pi^2.
static struct body bodies[BODIES] = {
    {0, 0, 0, 0, 0, 0, 39.4784176},
    {4.84143144, -1.16032004, -0.10362204, 0.606326393, 2.81198684, -0.02521838, 0.0376936749},
    {8.34336671, 4.1247985, -0.40352341, -1.01077434, 1.82566237, 0.00841576, 0.0112863261},
    {12.8943695, -15.1111514, -0.22330757, 1.08279100, 0.86871301, -0.01083263, 0.0017237240},
    {15.3796971, -25.9193146, 0.17925877, 0.97909073, 0.59469899, -0.03475595, 0.0020336868},
};

static void advance(double step) {
  for (int i = 0; i < BODIES; i++) {
    struct body *a = &bodies[i];
    for (int j = i + 1; j < BODIES; j++) {
      struct body *b = &bodies[j];
      double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
      double square = dx * dx + dy * dy + dz * dz, pull = step / (square * sqrt(square));
      a->vx -= dx * b->mass * pull, a->vy -= dy * b->mass * pull, a->vz -= dz * b->mass * pull;
      b->vx += dx * a->mass * pull, b->vy += dy * a->mass * pull, b->vz += dz * a->mass * pull;
    }
  }
  for (int i = 0; i < BODIES; i++) {
    struct body *a = &bodies[i];
    a->x += step * a->vx, a->y += step * a->vy, a->z += step * a->vz;
  }
}

static double energy(void) {
  double sum = 0;
  for (int i = 0; i < BODIES; i++) {
    struct body *a = &bodies[i];
    sum += 0.5 * a->mass * (a->vx * a->vx + a->vy * a->vy + a->vz * a->vz);
    for (int j = i + 1; j < BODIES; j++) {
      struct body *b = &bodies[j];
      double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
      sum -= a->mass * b->mass / sqrt(dx * dx + dy * dy + dz * dz);
    }
  }
  return sum;
}

int main(void) {
  double before = energy();
  for (int i = 0; i < STEPS; i++) advance(0.001);
  double after = energy();
  printf("%.6f %.6f\n", before, after);
  return fabs(after - before) > 1e-3;
}
