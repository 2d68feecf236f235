// Numbers, vectors of them, and the few functions that the kernels apply to them.
//
// The bits of every result are those of this text. Three rules make it so, and they hold in all
// files of this folder:
// - A sum is one chain of fused multiply-adds in an order that the comment above it states. Lanes
//   of a vector are different outputs; no output is the sum of several lanes.
// - Nothing is contracted by the compiler (-ffp-contract=off); where a multiply-add is fused, the
//   text says `fma`.
// - exp and log are the ones below, not the C library's.
// So neither the width of the machine's vectors nor the compiler, its optimisation level or the
// number of threads can change a bit.
#ifndef REPRO_VECTOR_H
#define REPRO_VECTOR_H

#include <stdint.h>

#define ALWAYS static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
// How a vector is handed to a function differs between builds; here all are in one file.
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

// float, except in the build that the tests hold to float64 mathematics (-DREPRO_DOUBLE).
#ifdef REPRO_DOUBLE
typedef double real;
typedef int64_t mask;
#define SCALAR(name) __builtin_##name
#else
typedef float real;
typedef int32_t mask;
#define SCALAR(name) __builtin_##name##f
#endif

#define LANES 16  // output channels of a panel: the unit in which weights lie in memory

// What differs between vectors of 16 and of 8 numbers is the 16 or the 8.
#define DEFINE_VECTOR(N)                                                                          \
  typedef real v##N __attribute__((vector_size(N * sizeof(real)), aligned(sizeof(real))));        \
  typedef mask m##N __attribute__((vector_size(N * sizeof(mask)), aligned(sizeof(mask))));        \
  typedef int8_t b##N __attribute__((vector_size(N), aligned(1)));                                \
  ALWAYS v##N load##N(const real *p) { return *(const v##N *)p; }                                 \
  ALWAYS void store##N(real *p, v##N x) { *(v##N *)p = x; }                                       \
  ALWAYS v##N all##N(real x) { return x - (v##N){0}; }                                            \
  /* a where the condition holds (all bits set), else b */                                        \
  ALWAYS v##N choose##N(m##N if_, v##N a, v##N b) {                                               \
    return (v##N)((if_ & (m##N)a) | (~if_ & (m##N)b));                                            \
  }                                                                                               \
  ALWAYS v##N fma##N(v##N a, v##N b, v##N c) { FUSED(N, a, b, c) }

#if defined(__clang__)
#define FUSED(N, a, b, c) return __builtin_elementwise_fma(a, b, c);
#else
#define FUSED(N, a, b, c)                                                                         \
  v##N sum;                                                                                       \
  for (int i = 0; i < N; i++) sum[i] = SCALAR(fma)(a[i], b[i], c[i]);                             \
  return sum;
#endif
DEFINE_VECTOR(16)
DEFINE_VECTOR(8)

ALWAYS real fused(real a, real b, real c) { return SCALAR(fma)(a, b, c); }

// The first `count` lanes, and no other number of memory: it may be another thread's.
ALWAYS void store_lanes(real *p, v16 x, int count) {
  if (count >= LANES) store16(p, x);
  else for (int i = 0; i < count; i++) p[i] = x[i];
}

#ifdef REPRO_DOUBLE
#define DEFINE_EXP(N)                                                                             \
  ALWAYS v##N exp##N(v##N x) {                                                                    \
    for (int i = 0; i < N; i++) x[i] = __builtin_exp(x[i]);                                       \
    return x;                                                                                     \
  }
ALWAYS real log_of(real x) { return __builtin_log(x); }
#else
// e to the x. x = n ln 2 + r with |r| <= ln 2 / 2, then a polynomial of r, times 2 to the n in two
// steps, since n can be too large for one. Below -87.4 the result is 0, above 88.8 infinity; NaN
// stays NaN. The error is measured in tests/kernels/test_functions.py.
#define DEFINE_EXP(N)                                                                             \
  ALWAYS v##N exp##N(v##N x) {                                                                    \
    const v##N low = all##N(-87.4f), high = all##N(88.8f);                                        \
    const v##N in = choose##N(x < low, low, choose##N(x > high, high, x));                        \
    /* adding and taking away 1.5 2^23 rounds to the nearest integer */                           \
    const v##N magic = all##N(12582912.0f);                                                       \
    const v##N n = fma##N(in, all##N(1.44269504f), magic) - magic;                                \
    const v##N r = fma##N(n, all##N(2.12194440e-4f), fma##N(n, all##N(-0.693359375f), in));       \
    v##N y = all##N(1.9875691500e-4f);                                                            \
    y = fma##N(y, r, all##N(1.3981999507e-3f));                                                   \
    y = fma##N(y, r, all##N(8.3334519073e-3f));                                                   \
    y = fma##N(y, r, all##N(4.1665795894e-2f));                                                   \
    y = fma##N(y, r, all##N(1.6666665459e-1f));                                                   \
    y = fma##N(y, r, all##N(5.0000001201e-1f));                                                   \
    y = fma##N(y, r * r, r) + all##N(1.0f);                                                       \
    const m##N whole = __builtin_convertvector(choose##N(n == n, n, all##N(0)), m##N);            \
    const m##N first = whole >> 1, second = whole - first;                                        \
    y = y * (v##N)((first + 127) << 23) * (v##N)((second + 127) << 23);                           \
    y = choose##N(x < low, all##N(0.0f), y);                                                      \
    y = choose##N(x > high, all##N(__builtin_inff()), y);                                         \
    return choose##N(x == x, y, x);                                                               \
  }

// Natural logarithm of a normal number from 1 on, which is what softmax asks; the same error.
ALWAYS real log_of(real x) {
  if (!(x < __builtin_inff())) return x;
  int32_t bits;
  __builtin_memcpy(&bits, &x, 4);
  int32_t exponent = (bits >> 23) - 126;
  bits = (bits & 0x007fffff) | 0x3f000000;  // x = m 2^exponent with m in [0.5, 1)
  real m;
  __builtin_memcpy(&m, &bits, 4);
  if (m < 0.707106781f) { exponent--; m = m + m; }
  real r = m - 1.0f, z = r * r, n = (real)exponent;
  real y = 7.0376836292e-2f;
  y = fused(y, r, -1.1514610310e-1f);
  y = fused(y, r, 1.1676998740e-1f);
  y = fused(y, r, -1.2420140846e-1f);
  y = fused(y, r, 1.4249322787e-1f);
  y = fused(y, r, -1.6668057665e-1f);
  y = fused(y, r, 2.0000714765e-1f);
  y = fused(y, r, -2.4999993993e-1f);
  y = fused(y, r, 3.3333331174e-1f);
  y = y * r * z;
  y = fused(n, -2.12194440e-4f, y);
  y = fused(z, -0.5f, y);
  return fused(n, 0.693359375f, r + y);
}
#endif

DEFINE_EXP(16)
DEFINE_EXP(8)

// The report's activations (section 3.1.3). NaN stays NaN, as in torch.
enum { IDENTITY, RELU, LEAKY_RELU, SWISH, SIGMOID };
#define LEAKY_SLOPE ((real)0.01)

#define DEFINE_ACTIVATE(N)                                                                        \
  ALWAYS v##N activate##N(v##N x, int activation) {                                               \
    if (activation == RELU) return choose##N(x <= 0, all##N(0), x);                               \
    if (activation == LEAKY_RELU) return choose##N(x > 0, x, x * LEAKY_SLOPE);                    \
    if (activation == SWISH) return x / (exp##N(-x) + 1);                                         \
    if (activation == SIGMOID) return 1 / (exp##N(-x) + 1);                                       \
    return x;                                                                                     \
  }
DEFINE_ACTIVATE(16)
DEFINE_ACTIVATE(8)

// The activation's derivative: of ReLU, Leaky ReLU and Sigmoid by what came out (the first two have
// the sign of what went in); of Swish by what went in.
ALWAYS v16 derivative(v16 in, v16 out, int activation) {
  if (activation == RELU) return choose16(out > 0, all16(1), all16(0));
  if (activation == LEAKY_RELU) return choose16(out > 0, all16(1), all16(LEAKY_SLOPE));
  if (activation == SWISH) {
    v16 sigmoid = 1 / (exp16(-in) + 1);
    return sigmoid * fma16(in, 1 - sigmoid, all16(1));
  }
  if (activation == SIGMOID) return out * (1 - out);
  return all16(1);
}
#endif
