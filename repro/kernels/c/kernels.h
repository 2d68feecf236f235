// The sums that a network is made of. Each function says which sum it is and in which order it
// runs; specification.c says the same again, one output at a time and without vectors.
//
// Images lie with their channels innermost: (image, row, column, channel). Weights lie in panels of
// 16 output channels: (panel, tap, input channel, 16), and panels are filled up with zeros.
#ifndef REPRO_KERNELS_H
#define REPRO_KERNELS_H

#include "vector.h"

// Images of a tile: as many sums as keep the multiply-add units busy and fit into registers.
#ifdef __AVX512F__
#define TILE 10
#define ROWS 16
#define WIDE 12
#define NATIVE 16  // numbers of a register
#define MOST 16    // registers of a strip
#define CHANNELS 6
#define WITH_NATIVE(name) name##16
#else
#define TILE 5
#define ROWS 6
#define WIDE 6
#define NATIVE 8
#define MOST 12
#define CHANNELS 2
#define WITH_NATIVE(name) name##8
#endif
typedef WITH_NATIVE(v) vn;
typedef WITH_NATIVE(m) mn;
#define loadn WITH_NATIVE(load)
#define storen WITH_NATIVE(store)
#define alln WITH_NATIVE(all)
#define fman WITH_NATIVE(fma)
#define choosen WITH_NATIVE(choose)
#define activaten WITH_NATIVE(activate)

// A stretch of an image's numbers that are multiplied by as many rows of a panel: a kernel's row,
// as far as it lies inside the image.
typedef struct { int32_t x, w, length; } Span;

// sum[p] += sum over the spans in order, over their numbers in order, of x times weight, for the 16
// output channels of a panel and P images that lie `stride` numbers apart.
ALWAYS void accumulate(const int P, const real *x, int64_t stride, const Span *spans, int count,
                       const real *panel, v16 *sum) {
  v16 s[P];
  UNROLL for (int p = 0; p < P; p++) s[p] = sum[p];
  for (int i = 0; i < count; i++) {
    const real *from = x + spans[i].x, *w = panel + (int64_t)spans[i].w * LANES;
    for (int j = 0; j < spans[i].length; j++) {
      const v16 weight = load16(w + j * LANES);
      UNROLL for (int p = 0; p < P; p++) s[p] = fma16(all16(from[p * stride + j]), weight, s[p]);
    }
  }
  UNROLL for (int p = 0; p < P; p++) sum[p] = s[p];
}

// The same for any number of images up to a tile.
static void sums(int images, const real *x, int64_t stride, const Span *spans, int count,
                   const real *panel, v16 *sum) {
  switch (images) {
#define CASE(P) case P: accumulate(P, x, stride, spans, count, panel, sum); return;
    CASE(1) CASE(2) CASE(3) CASE(4) CASE(5)
#if TILE > 5
    CASE(6) CASE(7) CASE(8) CASE(9) CASE(10)
#endif
#undef CASE
  }
}

// What a tile of a weight's gradient runs over: images, and of each the output pixels that see the
// tap, row by row. Steps are in numbers, of the input (x) and of the output's gradient (g).
typedef struct {
  int images, rows, columns;
  int64_t x_image, x_row, x_column, g_image, g_row, g_column;
} Pixels;

// sum[k] += sum over images, rows, columns in order of x[k] times the gradients g of 16 channels:
// the gradients of the weights from K neighbouring inputs.
ALWAYS void accumulate_weights(const int K, const real *x, const real *g, const Pixels *over,
                               v16 *sum) {
  v16 s[K];
  UNROLL for (int k = 0; k < K; k++) s[k] = sum[k];
  for (int n = 0; n < over->images; n++)
    for (int r = 0; r < over->rows; r++) {
      const real *from = x + n * over->x_image + r * over->x_row;
      const real *grad = g + n * over->g_image + r * over->g_row;
      for (int c = 0; c < over->columns; c++) {
        v16 gradient = load16(grad);
        UNROLL for (int k = 0; k < K; k++) s[k] = fma16(all16(from[k]), gradient, s[k]);
        from += over->x_column;
        grad += over->g_column;
      }
    }
  UNROLL for (int k = 0; k < K; k++) sum[k] = s[k];
}

static void weight_sums(int inputs, const real *x, const real *g, const Pixels *over, v16 *sum) {
  switch (inputs) {
#define CASE(K) case K: accumulate_weights(K, x, g, over, sum); return;
    CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#if ROWS > 6
    CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14) CASE(15) CASE(16)
#endif
#undef CASE
  }
}

// One output pixel of one channel through which pooling and activation let a gradient pass: where
// its window of the input begins, and the gradient.
typedef struct { int32_t at; real gradient; } Open;

// sum[r][v] += sum over the open pixels in order of gradient times input, for R rows of the kernel
// and 16 V inputs of each. Returns `bias` plus the gradients, in the same order.
ALWAYS real accumulate_open(const int R, const int V, const real *x, int64_t row, const Open *open,
                            int count, real *sum, int64_t sum_row, real bias) {
  v16 s[R][V];
  UNROLL for (int r = 0; r < R; r++)
    UNROLL for (int v = 0; v < V; v++) s[r][v] = load16(sum + r * sum_row + v * LANES);
  for (int i = 0; i < count; i++) {
    const v16 gradient = all16(open[i].gradient);
    const real *from = x + open[i].at;
    bias = bias + open[i].gradient;
    UNROLL for (int r = 0; r < R; r++)
      UNROLL for (int v = 0; v < V; v++)
        s[r][v] = fma16(gradient, load16(from + r * row + v * LANES), s[r][v]);
  }
  UNROLL for (int r = 0; r < R; r++)
    UNROLL for (int v = 0; v < V; v++) store16(sum + r * sum_row + v * LANES, s[r][v]);
  return bias;
}

// The gradients of one output channel's weights, `rows` rows of `length` inputs; a row of `sum` has
// `sum_row` numbers, a multiple of 16, of which those past `length` mean nothing. `bias` is theirs.
static void open_sums(int rows, int length, const real *x, int64_t row, const Open *open, int count,
                      real *sum, int64_t sum_row, real *bias) {
  const real before = *bias;
  for (int v = 0; v * LANES < length;) {
    int wide = (length - v * LANES + LANES - 1) / LANES;
    if (wide > WIDE) wide = WIDE;
    for (int r = 0; r < rows;) {
      int high = WIDE / wide;
      if (high > rows - r) high = rows - r;
      if (high > 5) high = 5;
      const real *from = x + r * row + v * LANES;
      real *to = sum + r * sum_row + v * LANES;
      switch (high * 16 + wide) {
#define CASE(R, V) case R * 16 + V: \
        *bias = accumulate_open(R, V, from, row, open, count, to, sum_row, before); break;
        CASE(1, 1) CASE(2, 1) CASE(3, 1) CASE(4, 1) CASE(5, 1)
        CASE(1, 2) CASE(2, 2) CASE(3, 2) CASE(1, 3) CASE(2, 3)
        CASE(1, 4) CASE(1, 5) CASE(1, 6)
#if WIDE > 6
        CASE(4, 2) CASE(5, 2) CASE(3, 3) CASE(4, 3) CASE(2, 4) CASE(3, 4) CASE(2, 5) CASE(2, 6)
        CASE(1, 7) CASE(1, 8) CASE(1, 9) CASE(1, 10) CASE(1, 11) CASE(1, 12)
#endif
#undef CASE
      }
      r += high;
    }
    v += wide;
  }
}

// The 2x2 output pixels of a pooling window together see K + 1 rows of K + 1 input pixels. A strip
// is a part of R such rows, V registers wide: to[r] += sum over the open outputs in order of
// gradient times weight. `at` says where an output's weights for the strip's first number are.
ALWAYS void accumulate_strip(const int R, const int V, const Open *open, int count,
                             const real *weights, int64_t weight_row, real *to, int64_t row,
                             int length) {
  vn s[R][V];
  UNROLL for (int r = 0; r < R; r++)
    UNROLL for (int v = 0; v < V; v++) s[r][v] = loadn(to + r * row + v * NATIVE);
  for (int i = 0; i < count; i++) {
    const vn gradient = alln(open[i].gradient);
    const real *w = weights + open[i].at;
    UNROLL for (int r = 0; r < R; r++)
      UNROLL for (int v = 0; v < V; v++)
        s[r][v] = fman(gradient, loadn(w + r * weight_row + v * NATIVE), s[r][v]);
  }
  const int rest = length - (V - 1) * NATIVE;
  UNROLL for (int r = 0; r < R; r++) {
    UNROLL for (int v = 0; v < V - 1; v++) storen(to + r * row + v * NATIVE, s[r][v]);
    real *last = to + r * row + (V - 1) * NATIVE;
    if (rest >= NATIVE) storen(last, s[r][V - 1]);
    else for (int i = 0; i < rest; i++) last[i] = s[r][V - 1][i];
  }
}

// `rows` rows of `length` numbers, in strips.
static void strips(int rows, int length, const Open *open, int count, const real *weights,
                   int64_t weight_row, real *to, int64_t row) {
  for (int j = 0; j < length;) {
    int wide = (length - j + NATIVE - 1) / NATIVE;
    if (wide > 8) wide = 8;
    const int numbers = length - j < wide * NATIVE ? length - j : wide * NATIVE;
    for (int r = 0; r < rows;) {
      int high = wide * 4 <= MOST ? 4 : wide * 2 <= MOST ? 2 : 1;
      if (high > rows - r) high = rows - r;
      if (high == 3) high = 2;
      const real *w = weights + r * weight_row + j;
      real *t = to + r * row + j;
      switch (high * 16 + wide) {
#define CASE(R, V) case R * 16 + V: \
        accumulate_strip(R, V, open, count, w, weight_row, t, row, numbers); break;
        CASE(1, 1) CASE(1, 2) CASE(1, 3) CASE(1, 4) CASE(1, 5) CASE(1, 6) CASE(1, 7) CASE(1, 8)
        CASE(2, 1) CASE(2, 2) CASE(2, 3) CASE(2, 4) CASE(2, 5) CASE(2, 6)
        CASE(4, 1) CASE(4, 2) CASE(4, 3)
#if MOST > 12
        CASE(2, 7) CASE(2, 8) CASE(4, 4)
#endif
#undef CASE
      }
      r += high;
    }
    j += wide * NATIVE;
  }
}

// Output pixels of `O` channels in the lanes of one register and one row of pooling windows: of
// each window all four pixels. The input lies by channel and row, even columns before odd ones, so
// that neighbours in a register are neighbours among the windows. The sums are those of
// `accumulate`, number for number; few channels would leave its lanes empty.
typedef struct { int kernel, channels, inputs_row, height; } Planes;
ALWAYS void accumulate_windows(const int O, const real *x, const Planes *planes,
                               const real *weights, vn sum[4][CHANNELS]) {
  vn s[4][O];
  UNROLL for (int q = 0; q < 4; q++) UNROLL for (int o = 0; o < O; o++) s[q][o] = sum[q][o];
  const int64_t row = planes->inputs_row, plane = (int64_t)planes->height * row, half = row / 2;
  for (int ky = 0; ky < planes->kernel; ky++)
    for (int kx = 0; kx < planes->kernel; kx++)
      for (int c = 0; c < planes->channels; c++) {
        const real *even = x + c * plane + ky * row + kx % 2 * half + kx / 2;
        const real *odd = x + c * plane + ky * row + (kx + 1) % 2 * half + (kx + 1) / 2;
        const vn seen[4] = {loadn(even), loadn(odd), loadn(even + row), loadn(odd + row)};
        UNROLL for (int o = 0; o < O; o++) {
          const vn weight = alln(weights[o]);
          UNROLL for (int q = 0; q < 4; q++) s[q][o] = fman(seen[q], weight, s[q][o]);
        }
        weights += LANES;
      }
  UNROLL for (int q = 0; q < 4; q++) UNROLL for (int o = 0; o < O; o++) sum[q][o] = s[q][o];
}

static void window_sums(int outputs, const real *x, const Planes *planes, const real *weights,
                        vn sum[4][CHANNELS]) {
  switch (outputs) {
#define CASE(O) case O: accumulate_windows(O, x, planes, weights, sum); return;
    CASE(1) CASE(2)
#if CHANNELS > 2
    CASE(3) CASE(4) CASE(5) CASE(6)
#endif
#undef CASE
  }
}

// A block of 16 rows of 16 numbers, rows `from_row` apart, written as its columns.
ALWAYS void transpose(const real *from, int64_t from_row, real *to, int64_t to_row) {
  for (int i = 0; i < LANES; i++)
    UNROLL for (int j = 0; j < LANES; j++) to[i * to_row + j] = from[j * from_row + i];
}

// The first place in training that the maximum of a 2x2 window comes from, in the order upper left,
// upper right, lower left, lower right; NaN is the largest, as in torch.
#define DEFINE_LARGEST(N)                                                                         \
  ALWAYS m##N is_larger##N(v##N candidate, v##N than) {                                           \
    return (candidate > than) | (candidate != candidate);                                         \
  }                                                                                               \
  /* of a window's four sums, `step` vectors apart: the maximum after the activation, what the */ \
  /* activation took there, and which of the four it was */                                       \
  ALWAYS v##N largest##N(const v##N *window, int step, int activation, v##N *before, m##N *from) { \
    const int first = activation == SWISH;                                                        \
    v##N best = first ? activate##N(window[0], SWISH) : window[0];                                \
    *before = window[0];                                                                          \
    *from = (m##N){0};                                                                            \
    UNROLL for (int q = 1; q < 4; q++) {                                                          \
      const v##N z = window[q * step], y = first ? activate##N(z, SWISH) : z;                     \
      const m##N larger = is_larger##N(y, best);                                                  \
      best = choose##N(larger, y, best);                                                          \
      *before = choose##N(larger, z, *before);                                                    \
      *from = (larger & q) | (~larger & *from);                                                   \
    }                                                                                             \
    return first ? best : activate##N(best, activation);                                          \
  }
DEFINE_LARGEST(16)
DEFINE_LARGEST(8)
#define largestn WITH_NATIVE(largest)
#endif
