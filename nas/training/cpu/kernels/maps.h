/* Batch norm, its activation and depthwise convolution, on float32 maps in channels-last order.
 *
 * A map of P pixels and C channels is P * C numbers, the channels of one pixel adjacent. These
 * operations are memory-bound, so each of them reads and writes a map as few times as possible: a
 * norm is applied where its result is needed, and the sums that the next step needs are computed
 * while the numbers are in the cache. They use one thread; no result depends on time or addresses.
 *
 * A norm is y = min(max(x * a + b, low), top): without an activation low and top are infinite.
 * Functions that return an int return 0, or 1 if there is no memory for scratch.
 */

#ifndef NAS_MAPS_H
#define NAS_MAPS_H

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef ptrdiff_t len;

#define R restrict
#define SPAN 128   /* least length of a loop: few channels alone would make it too short */
#define FLUSH 32   /* spans that are summed in single precision before double */

typedef struct {
  const float *a, *b; /* repeated to the length of a span */
  float low, top;
} Norm;

/* Sums per channel of two products, over spans, for statistics and gradients. */
typedef struct {
  len channels, span, count;
  float *shift, *one, *two;
  double *ones, *twos;
} Sums;

static len span_of(len channels) {
  len times = (SPAN + channels - 1) / channels;
  return channels * (times > 1 ? (times + 3) / 4 * 4 : 1);
}

/* Repeat the values of the channels over a span. */
static void fill(float *values, len channels, len span) {
  for (len at = channels; at < span; at += channels)
    memcpy(values + at, values, channels * sizeof(float));
}

/* The scratch buffer of a call: one block, from which pieces are taken in turn. */
typedef struct {
  char *block, *next;
} Scratch;

static int scratch_open(Scratch *scratch, len floats, len doubles, len pieces) {
  size_t bytes = floats * sizeof(float) + doubles * sizeof(double) + (pieces + 1) * 64;
  scratch->block = malloc(bytes);
  scratch->next = scratch->block;
  return scratch->block == NULL;
}

static void *scratch_take(Scratch *scratch, len count, size_t size) {
  size_t at = ((size_t)scratch->next + 63) / 64 * 64;
  scratch->next = (char *)(at + count * size);
  return (void *)at;
}

static float *floats_of(Scratch *scratch, len count) {
  return scratch_take(scratch, count, sizeof(float));
}

static void sums_open(Sums *sums, Scratch *scratch, len channels) {
  len span = span_of(channels);
  *sums = (Sums){.channels = channels, .span = span};
  sums->shift = floats_of(scratch, span);
  sums->one = floats_of(scratch, span);
  sums->two = floats_of(scratch, span);
  sums->ones = scratch_take(scratch, channels, sizeof(double));
  sums->twos = scratch_take(scratch, channels, sizeof(double));
  memset(sums->one, 0, span * sizeof(float));
  memset(sums->two, 0, span * sizeof(float));
  memset(sums->ones, 0, channels * sizeof(double));
  memset(sums->twos, 0, channels * sizeof(double));
}

static void sums_flush(Sums *sums) {
  for (len at = 0; at < sums->span; at += sums->channels)
    for (len c = 0; c < sums->channels; c++) {
      sums->ones[c] += sums->one[at + c];
      sums->twos[c] += sums->two[at + c];
    }
  memset(sums->one, 0, sums->span * sizeof(float));
  memset(sums->two, 0, sums->span * sizeof(float));
  sums->count = 0;
}

/* Reset the sums, for gradients after a norm with this mean. */
static void sums_start(Sums *sums, const float *mean) {
  sums_flush(sums);
  memset(sums->ones, 0, sums->channels * sizeof(double));
  memset(sums->twos, 0, sums->channels * sizeof(double));
  memcpy(sums->shift, mean, sums->channels * sizeof(float));
  fill(sums->shift, sums->channels, sums->span);
}

/* Add x - shift and its square; the shift is near the mean, taken from the first pixels. */
static void sums_of_map(Sums *sums, const float *R x, len n, int first) {
  len span = sums->span, channels = sums->channels;
  float *R shift = sums->shift, *R one = sums->one, *R two = sums->two;
  if (first) {
    len pixels = n / channels < FLUSH ? n / channels : FLUSH;
    memset(shift, 0, span * sizeof(float));
    for (len p = 0; p < pixels; p++)
      for (len c = 0; c < channels; c++) shift[c] += x[p * channels + c] / pixels;
    for (len at = channels; at < span; at += channels)
      memcpy(shift + at, shift, channels * sizeof(float));
  }
  for (len at = 0; at < n; at += span) {
    len m = n - at < span ? n - at : span;
    for (len i = 0; i < m; i++) {
      float d = x[at + i] - shift[i];
      one[i] += d;
      two[i] += d * d;
    }
    if (++sums->count == FLUSH) sums_flush(sums);
  }
}

/* Return the gradient g where the activation does not limit x * a + b, else 0. */
static inline float passed(float x, float a, float b, float low, float top, float g) {
  float y = x * a + b;
  return (y <= low) | (y >= top) ? 0.0f : g;
}

/* Add the gradient g after a norm, and its product with x minus the mean, which is in `shift`. */
static void sums_of_gradient(Sums *sums, const float *R x, const float *R g, len n, Norm norm) {
  len span = sums->span;
  const float *R a = norm.a, *R b = norm.b, *R shift = sums->shift;
  float *R one = sums->one, *R two = sums->two, low = norm.low, top = norm.top;
  for (len at = 0; at < n; at += span) {
    len m = n - at < span ? n - at : span;
    for (len i = 0; i < m; i++) {
      float d = passed(x[at + i], a[i], b[i], low, top, g[at + i]);
      one[i] += d;
      two[i] += d * (x[at + i] - shift[i]);
    }
    if (++sums->count == FLUSH) sums_flush(sums);
  }
}

static void apply(const float *x, float *y, len n, len span, Norm norm) {
  const float *R a = norm.a, *R b = norm.b;
  float low = norm.low, top = norm.top;
  for (len at = 0; at < n; at += span) {
    len m = n - at < span ? n - at : span;
#pragma GCC ivdep
    for (len i = 0; i < m; i++) {
      float v = x[at + i] * a[i] + b[i];
      v = v < low ? low : v;
      y[at + i] = v > top ? top : v;
    }
  }
}

/* Compute the gradient before a norm: a * d + x * slope + offset, where d is passed(…, g). */
static void gradient(const float *R x, const float *g, float *out, len n, len span, Norm norm,
                     const float *R slope, const float *R offset) {
  const float *R a = norm.a, *R b = norm.b;
  float low = norm.low, top = norm.top;
  for (len at = 0; at < n; at += span) {
    len m = n - at < span ? n - at : span;
#pragma GCC ivdep
    for (len i = 0; i < m; i++) {
      float d = passed(x[at + i], a[i], b[i], low, top, g[at + i]);
      out[at + i] = a[i] * d + (x[at + i] * slope[i] + offset[i]);
    }
  }
}

/* Compute the mean and 1 / sqrt(variance + eps) of a map from its sums; update the running ones. */
static void statistics(Sums *sums, len pixels, float *mean, float *scale, float *running_mean,
                       float *running_var, double step, double eps) {
  sums_flush(sums);
  for (len c = 0; c < sums->channels; c++) {
    double off = sums->ones[c] / pixels, middle = sums->shift[c] + off;
    double variance = sums->twos[c] / pixels - off * off;
    if (variance < 0) variance = 0;
    mean[c] = (float)middle;
    scale[c] = (float)(1.0 / sqrt(variance + eps));
    double unbiased = pixels > 1 ? variance * pixels / (pixels - 1) : NAN;
    running_mean[c] = (float)((1 - step) * running_mean[c] + step * middle);
    running_var[c] = (float)((1 - step) * running_var[c] + step * unbiased);
  }
}

/* Return a norm with its statistics as y = x * a + b; takes two spans of scratch. */
static Norm norm_of(Scratch *scratch, len channels, const float *gain, const float *bias,
                    const float *mean, const float *scale, float low, float top) {
  len span = span_of(channels);
  float *a = floats_of(scratch, span), *b = floats_of(scratch, span);
  for (len c = 0; c < channels; c++) {
    a[c] = gain[c] * scale[c];
    b[c] = bias[c] - mean[c] * a[c];
  }
  fill(a, channels, span);
  fill(b, channels, span);
  return (Norm){a, b, low, top};
}

/* Compute the coefficients of the backward pass of a norm, and the gradients of gain and bias. */
static void slopes(Sums *sums, len pixels, const float *a, const float *mean, const float *scale,
                   float *R slope, float *R offset, float *d_gain, float *d_bias) {
  sums_flush(sums);
  for (len c = 0; c < sums->channels; c++) {
    double g = sums->ones[c], dot = sums->twos[c], s = scale[c];
    d_bias[c] = (float)g;
    d_gain[c] = (float)(dot * s);
    slope[c] = (float)(-a[c] * dot * s * s / pixels);
    offset[c] = (float)(-a[c] * (g - dot * s * s * mean[c]) / pixels);
  }
  fill(slope, sums->channels, sums->span);
  fill(offset, sums->channels, sums->span);
}

#endif
