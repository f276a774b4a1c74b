/* Depthwise convolution between two norms; see maps.h. */

#include "maps.h"

typedef float v16 __attribute__((vector_size(64), aligned(4)));
typedef float v8 __attribute__((vector_size(32), aligned(4)));

#define LOAD(V, at) (*(const V *)(at))
#define MOST 7 /* rows of a kernel: MOST_TAPS of binding.py */

typedef struct {
  len images, height, width, channels, kernel, stride, padding, out_height, out_width;
} Shape;

/* A window of three columns that slides over three rows, for the channels of V from c on: left,
 * middle, right. Pixels outside the map are zero. */
#define WINDOW(V)                                                            \
  const float *R x0 = rows[0] + c, *R x1 = rows[1] + c, *R x2 = rows[2] + c; \
  V none = {0}, l0 = none, l1 = none, l2 = none, r0, r1, r2;                 \
  V m0 = LOAD(V, x0), m1 = LOAD(V, x1), m2 = LOAD(V, x2);
#define RIGHT(V)                                                         \
  r0 = none, r1 = none, r2 = none;                                       \
  if (i + 1 < width) {                                                   \
    len at = (i + 1) * C;                                                \
    r0 = LOAD(V, x0 + at), r1 = LOAD(V, x1 + at), r2 = LOAD(V, x2 + at); \
  }
#define SLIDE l0 = m0, l1 = m1, l2 = m2, m0 = r0, m1 = r1, m2 = r2;

/* One row of a 3x3 convolution of stride 1; `rows` are three of the input. */
#define THREE(NAME, V)                                                                         \
  static inline void NAME(const float *const *rows, const float *R w, float *R out, len width, \
                          len C, len c) {                                                      \
    V k0 = LOAD(V, w + c), k1 = LOAD(V, w + C + c), k2 = LOAD(V, w + 2 * C + c);               \
    V k3 = LOAD(V, w + 3 * C + c), k4 = LOAD(V, w + 4 * C + c), k5 = LOAD(V, w + 5 * C + c);   \
    V k6 = LOAD(V, w + 6 * C + c), k7 = LOAD(V, w + 7 * C + c), k8 = LOAD(V, w + 8 * C + c);   \
    WINDOW(V)                                                                                  \
    for (len i = 0; i < width; i++) {                                                          \
      RIGHT(V)                                                                                 \
      V top = l0 * k0 + m0 * k1 + r0 * k2, middle = l1 * k3 + m1 * k4 + r1 * k5;               \
      *(V *)(out + i * C + c) = (top + middle) + (l2 * k6 + m2 * k7 + r2 * k8);                \
      SLIDE                                                                                    \
    }                                                                                          \
  }
THREE(three_16, v16)
THREE(three_8, v8)
THREE(three_1, float)

/* Add the contribution of one row of gradients g to the gradient of the weights, as above. */
#define THREE_WEIGHTS(NAME, V)                                                                \
  static inline void NAME(const float *const *rows, const float *R g, float *R d, len width,  \
                          len C, len c) {                                                     \
    WINDOW(V)                                                                                 \
    V s0 = none, s1 = none, s2 = none, s3 = none, s4 = none, s5 = none, s6 = none, s7 = none; \
    V s8 = none;                                                                              \
    for (len i = 0; i < width; i++) {                                                         \
      RIGHT(V)                                                                                \
      V y = LOAD(V, g + i * C + c);                                                           \
      s0 += l0 * y, s1 += m0 * y, s2 += r0 * y, s3 += l1 * y, s4 += m1 * y, s5 += r1 * y;     \
      s6 += l2 * y, s7 += m2 * y, s8 += r2 * y;                                               \
      SLIDE                                                                                   \
    }                                                                                         \
    V all[9] = {s0, s1, s2, s3, s4, s5, s6, s7, s8};                                          \
    for (len k = 0; k < 9; k++) *(V *)(d + k * C + c) = LOAD(V, d + k * C + c) + all[k];      \
  }
THREE_WEIGHTS(three_weights_16, v16)
THREE_WEIGHTS(three_weights_8, v8)
THREE_WEIGHTS(three_weights_1, float)

#define EACH_BLOCK(NAME, ...)                                       \
  do {                                                              \
    len c = 0;                                                      \
    for (; c + 16 <= C; c += 16) NAME##_16(__VA_ARGS__, C, c);      \
    for (; c + 8 <= C; c += 8) NAME##_8(__VA_ARGS__, C, c);         \
    for (; c < C; c++) NAME##_1(__VA_ARGS__, C, c);                 \
  } while (0)

/* The same for any kernel and stride; taps outside the map are skipped. */
#define GENERAL(NAME, V)                                                                        \
  static inline void NAME(const float *const *rows, const float *R w, float *R out,             \
                          const Shape *s, len C, len c) {                                       \
    for (len o = 0; o < s->out_width; o++) {                                                    \
      len first = o * s->stride - s->padding;                                                   \
      V sum = {0};                                                                              \
      for (len i = 0; i < s->kernel; i++)                                                       \
        for (len j = first < 0 ? -first : 0; j < s->kernel && first + j < s->width; j++)        \
          sum += LOAD(V, rows[i] + (first + j) * C + c) * LOAD(V, w + (i * s->kernel + j) * C + c); \
      *(V *)(out + o * C + c) = sum;                                                            \
    }                                                                                           \
  }
GENERAL(general_16, v16)
GENERAL(general_8, v8)
GENERAL(general_1, float)

/* Add the contribution of one row of taps to the gradients of the weights and of one input row. */
#define GENERAL_BACK(NAME, V)                                                                  \
  static inline void NAME(const float *R row, const float *R g, const float *R w, float *R d,  \
                          float *R back, const Shape *s, len C, len c) {                       \
    for (len j = 0; j < s->kernel; j++) {                                                      \
      V sum = {0}, tap = LOAD(V, w + j * C + c);                                               \
      for (len o = 0; o < s->out_width; o++) {                                                 \
        len at = o * s->stride - s->padding + j;                                               \
        if (at < 0 || at >= s->width) continue;                                                \
        V y = LOAD(V, g + o * C + c);                                                          \
        sum += LOAD(V, row + at * C + c) * y;                                                  \
        *(V *)(back + at * C + c) = LOAD(V, back + at * C + c) + tap * y;                      \
      }                                                                                        \
      *(V *)(d + j * C + c) = LOAD(V, d + j * C + c) + sum;                                    \
    }                                                                                          \
  }
GENERAL_BACK(general_back_16, v16)
GENERAL_BACK(general_back_8, v8)
GENERAL_BACK(general_back_1, float)

/* The rows of a map after its norm, or of a gradient before it, each computed once. */
typedef struct {
  const float *map, *gradient; /* of one image; without a gradient the rows are those of the map */
  const Norm *norm;            /* NULL: the rows are unchanged */
  const float *slope, *offset, *zeros;
  float *ring;
  len rows, numbers, span, kept, done;
} Rows;

static void rows_open(Rows *rows, Scratch *scratch, const Norm *norm, len height, len width,
                      len channels, len kernel) {
  len numbers = width * channels;
  float *zeros = floats_of(scratch, numbers);
  memset(zeros, 0, numbers * sizeof(float));
  *rows = (Rows){.norm = norm, .zeros = zeros, .rows = height, .numbers = numbers};
  rows->span = span_of(channels);
  rows->kept = kernel;
  rows->ring = floats_of(scratch, kernel * numbers);
}

static void rows_of_image(Rows *rows, const float *map, const float *gradients, len image) {
  len first = image * rows->rows * rows->numbers;
  rows->map = map ? map + first : NULL;
  rows->gradient = gradients ? gradients + first : NULL;
  rows->done = 0;
}

static const float *row_at(Rows *rows, len at) {
  if (at < 0 || at >= rows->rows) return rows->zeros;
  if (!rows->norm) return (rows->gradient ? rows->gradient : rows->map) + at * rows->numbers;
  for (; rows->done <= at; rows->done++) {
    len from = rows->done * rows->numbers;
    float *to = rows->ring + rows->done % rows->kept * rows->numbers;
    if (rows->gradient)
      gradient(rows->map + from, rows->gradient + from, to, rows->numbers, rows->span, *rows->norm,
               rows->slope, rows->offset);
    else
      apply(rows->map + from, to, rows->numbers, rows->span, *rows->norm);
  }
  return rows->ring + at % rows->kept * rows->numbers;
}

/* Write torch's weights, (channels, kernel * kernel), channels last, optionally taps reversed. */
static void channels_last(const float *R w, float *R to, len channels, len taps, int reversed) {
  for (len c = 0; c < channels; c++)
    for (len k = 0; k < taps; k++)
      to[(reversed ? taps - 1 - k : k) * channels + c] = w[c * taps + k];
}

static int is_simple(const Shape *s) {
  return s->kernel == 3 && s->stride == 1 && s->padding == 1;
}

static len pixels_of(const Shape *s) { return s->images * s->out_height * s->out_width; }

/* A norm from Python: the arguments of norm_of, with the limits of its activation. */
typedef struct {
  const float *gain, *bias, *mean, *scale;
  float low, top;
} Given;

static Norm opened(Scratch *scratch, const Given *given, len channels) {
  return norm_of(scratch, channels, given->gain, given->bias, given->mean, given->scale, given->low,
                 given->top);
}

/* Compute `out`, the convolution of x after the norm `before`. With `after`, apply that norm to
 * it; otherwise, with `mean`, compute its statistics as norm_statistics does. */
int depthwise_forward(const float *x, float *out, const Shape *s, const float *weights,
                      const Given *before, const Given *after, float *running_mean,
                      float *running_var, double step, double eps, float *mean, float *scale) {
  len C = s->channels, K = s->kernel, span = span_of(C), numbers = s->out_width * C;
  Scratch scratch;
  len floats = K * K * C + 7 * span + (K + 1) * s->width * C;
  if (scratch_open(&scratch, floats, 2 * C, 12)) return 1;
  float *w = floats_of(&scratch, K * K * C);
  channels_last(weights, w, C, K * K, 0);
  Norm first, last;
  Rows rows;
  Sums sums;
  if (before) first = opened(&scratch, before, C);
  if (after) last = opened(&scratch, after, C);
  sums_open(&sums, &scratch, C);
  rows_open(&rows, &scratch, before ? &first : NULL, s->height, s->width, C, K);
  for (len n = 0; n < s->images; n++) {
    rows_of_image(&rows, x, NULL, n);
    for (len o = 0; o < s->out_height; o++) {
      const float *taps[MOST];
      for (len i = 0; i < K; i++) taps[i] = row_at(&rows, o * s->stride - s->padding + i);
      float *to = out + (n * s->out_height + o) * numbers;
      if (is_simple(s))
        EACH_BLOCK(three, taps, w, to, s->width);
      else
        EACH_BLOCK(general, taps, w, to, s);
      if (after)
        apply(to, to, numbers, span, last);
      else if (mean)
        sums_of_map(&sums, to, numbers, n == 0 && o == 0);
    }
  }
  if (mean && !after)
    statistics(&sums, pixels_of(s), mean, scale, running_mean, running_var, step, eps);
  free(scratch.block);
  return 0;
}

/* Compute the gradients of one image: of the weights (flat, channels last) and of its rows, `to`.
 */
static void image_backward(const Shape *s, Rows *inputs, Rows *gradients, const float *w,
                           const float *reversed, float *flat, float *to) {
  len C = s->channels, K = s->kernel, numbers = s->width * C;
  if (is_simple(s)) {
    for (len o = 0; o < s->height; o++) {
      const float *xs[3], *gs[3];
      for (len i = 0; i < 3; i++) {
        xs[i] = row_at(inputs, o - 1 + i);
        gs[i] = row_at(gradients, o - 1 + i);
      }
      EACH_BLOCK(three, gs, reversed, to + o * numbers, s->width);
      EACH_BLOCK(three_weights, xs, gs[1], flat, s->width);
    }
    return;
  }
  memset(to, 0, s->height * numbers * sizeof(float));
  for (len o = 0; o < s->out_height; o++) {
    const float *g = row_at(gradients, o);
    for (len i = 0; i < K; i++) {
      len at = o * s->stride - s->padding + i;
      if (at < 0 || at >= s->height) continue;
      const float *row = row_at(inputs, at);
      float *d = flat + i * K * C, *back = to + at * numbers;
      EACH_BLOCK(general_back, row, g, w + i * K * C, d, back, s);
    }
  }
}

/* Compute the gradients of depthwise_forward, with the statistics of both norms from training.
 * `y` is its output, `g` the gradient after the norm `after`; results of an absent norm are not
 * set. */
int depthwise_backward(const float *x, const float *y, const float *g, const Shape *s,
                       const float *weights, const Given *before, const Given *after, float *d_x,
                       float *d_weights, float *d_gain, float *d_bias, float *d_gain_after,
                       float *d_bias_after) {
  len C = s->channels, taps = s->kernel * s->kernel, span = span_of(C);
  len numbers = s->height * s->width * C, out = s->out_height * s->out_width * C;
  Scratch scratch;
  len floats = 3 * taps * C + 16 * span + (s->kernel + 1) * (s->width + s->out_width) * C;
  if (scratch_open(&scratch, floats, (4 + taps) * C, 24)) return 1;
  float *w = floats_of(&scratch, taps * C), *reversed = floats_of(&scratch, taps * C);
  float *flat = floats_of(&scratch, taps * C);
  double *total = scratch_take(&scratch, taps * C, sizeof(double));
  channels_last(weights, w, C, taps, 0);
  channels_last(weights, reversed, C, taps, 1);
  memset(total, 0, taps * C * sizeof(double));
  float *slope = floats_of(&scratch, span), *offset = floats_of(&scratch, span);
  Norm first, last;
  Rows inputs, gradients;
  Sums sums;
  sums_open(&sums, &scratch, C);
  if (after) {
    last = opened(&scratch, after, C);
    sums_start(&sums, after->mean);
    sums_of_gradient(&sums, y, g, s->images * out, last);
    slopes(&sums, pixels_of(s), last.a, after->mean, after->scale, slope, offset, d_gain_after,
           d_bias_after);
  }
  if (before) {
    first = opened(&scratch, before, C);
    sums_start(&sums, before->mean);
  }
  rows_open(&inputs, &scratch, before ? &first : NULL, s->height, s->width, C, s->kernel);
  rows_open(&gradients, &scratch, after ? &last : NULL, s->out_height, s->out_width, C, s->kernel);
  gradients.slope = slope;
  gradients.offset = offset;
  for (len n = 0; n < s->images; n++) {
    float *to = d_x + n * numbers;
    rows_of_image(&inputs, x, NULL, n);
    rows_of_image(&gradients, after ? y : NULL, g, n);
    memset(flat, 0, taps * C * sizeof(float));
    image_backward(s, &inputs, &gradients, w, reversed, flat, to);
    for (len k = 0; k < taps * C; k++) total[k] += flat[k];
    if (before) sums_of_gradient(&sums, x + n * numbers, to, numbers, first);
  }
  for (len c = 0; c < C; c++)
    for (len k = 0; k < taps; k++) d_weights[c * taps + k] = (float)total[k * C + c];
  if (before) {
    len all = s->images * s->height * s->width;
    slopes(&sums, all, first.a, before->mean, before->scale, slope, offset, d_gain, d_bias);
    gradient(x, d_x, d_x, all * C, span, first, slope, offset);
  }
  free(scratch.block);
  return 0;
}
