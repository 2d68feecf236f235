// The functions of vector.h, for the tests to call one by one.
#include "vector.h"

__attribute__((visibility("default"))) void test_exp(const real *x, real *y, int64_t count) {
  for (int64_t i = 0; i < count; i += LANES) store16(y + i, exp16(load16(x + i)));
}

__attribute__((visibility("default"))) void test_log(const real *x, real *y, int64_t count) {
  for (int64_t i = 0; i < count; i++) y[i] = log_of(x[i]);
}

__attribute__((visibility("default"))) void test_activate(const real *x, real *y, real *slope,
                                                          int32_t activation, int64_t count) {
  for (int64_t i = 0; i < count; i += LANES) {
    const v16 in = load16(x + i), out = activate16(in, activation);
    store16(y + i, out);
    store16(slope + i, derivative(in, out, activation));
  }
}
