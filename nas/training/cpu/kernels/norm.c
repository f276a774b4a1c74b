/* Batch norm and the activation after it; see maps.h. */

#include "maps.h"

int norm_statistics(const float *x, len pixels, len channels, float *running_mean,
                    float *running_var, double step, double eps, float *mean, float *scale) {
  Scratch scratch;
  Sums sums;
  if (scratch_open(&scratch, 3 * span_of(channels), 2 * channels, 5)) return 1;
  sums_open(&sums, &scratch, channels);
  sums_of_map(&sums, x, pixels * channels, 1);
  statistics(&sums, pixels, mean, scale, running_mean, running_var, step, eps);
  free(scratch.block);
  return 0;
}

int norm_apply(const float *x, float *y, len pixels, len channels, const float *gain,
               const float *bias, const float *mean, const float *scale, float low, float top) {
  Scratch scratch;
  len span = span_of(channels);
  if (scratch_open(&scratch, 2 * span, 0, 2)) return 1;
  Norm norm = norm_of(&scratch, channels, gain, bias, mean, scale, low, top);
  apply(x, y, pixels * channels, span, norm);
  free(scratch.block);
  return 0;
}

int norm_backward(const float *x, const float *g, float *dx, len pixels, len channels,
                  const float *gain, const float *bias, const float *mean, const float *scale,
                  float low, float top, float *d_gain, float *d_bias) {
  Scratch scratch;
  Sums sums;
  len span = span_of(channels), n = pixels * channels;
  if (scratch_open(&scratch, 7 * span, 2 * channels, 9)) return 1;
  Norm norm = norm_of(&scratch, channels, gain, bias, mean, scale, low, top);
  float *slope = floats_of(&scratch, span), *offset = floats_of(&scratch, span);
  sums_open(&sums, &scratch, channels);
  sums_start(&sums, mean);
  sums_of_gradient(&sums, x, g, n, norm);
  slopes(&sums, pixels, norm.a, mean, scale, slope, offset, d_gain, d_bias);
  gradient(x, g, dx, n, span, norm, slope, offset);
  free(scratch.block);
  return 0;
}
