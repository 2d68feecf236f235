// What the kernels compute, one output at a time, in plain C without vectors and threads.
//
// Read this first. A value here is the value there, bit by bit: tests/kernels/test_specification.py
// compares them for many shapes of networks. It is also what another device can run, an output a
// thread, to get the same bits. Weights lie as torch has them: (output, input, row, column).
#include "config.h"
#include "random.h"

// A map as a plain array (image, row, column, channel).
typedef struct {
  int height, width, channels;
  real *value, *gradient, *before;
  int8_t *from;   // of a maximum: which pixel of its window it came from
  uint8_t *kept;  // dropout's mask
  real mean[512], deviation[512];  // of batch norm, by channel
} Plain;

typedef struct {
  const Config *config;
  Plain *maps;
  real *flat, *moments[2];  // the parameters and what the optimiser keeps, in torch's order
  int64_t start[MAX_LAYERS];
  int images;
  real step_size, root_correction;  // Adam's
} Specification;

#define AT(map, n, y, x, c) \
  ((((int64_t)(n) * (map)->height + (y)) * (map)->width + (x)) * (map)->channels + (c))

static int inside(const Plain *map, int y, int x) {
  return y >= 0 && x >= 0 && y < map->height && x < map->width;
}

static real activated(real z, int activation) { return activate16(all16(z), activation)[0]; }

static real exponential(real x) { return exp16(all16(x))[0]; }

static int is_larger(real candidate, real than) {
  return candidate > than || candidate != candidate;
}

// A layer's weights (output, input, row, column); a linear layer sees its input as a kernel of the
// whole map.
static int64_t weight_at(const LayerShape *l, const Plain *in, int o, int c, int ky, int kx) {
  const int height = l->kind == LINEAR ? in->height : l->kernel;
  const int width = l->kind == LINEAR ? in->width : l->kernel;
  return (((int64_t)o * in->channels + c) * height + ky) * width + kx;
}

static int64_t bias_at(const LayerShape *l, const Plain *in, const Plain *out) {
  return weight_at(l, in, out->channels, 0, 0, 0);
}

// ---- forward ----

// One output of a convolution or a linear layer: bias, or 0 without, then plus input times weight
// by kernel row, kernel column, input channel, of the taps that lie inside the image.
static real product(const Specification *s, int layer, int n, int oy, int ox, int o) {
  const LayerShape *l = &s->config->layers[layer];
  const Plain *in = &s->maps[l->in], *out = &s->maps[l->out];
  const real *w = s->flat + s->start[layer];
  real sum = l->kind == CONV ? 0 : w[bias_at(l, in, out) + o];
  const int height = l->kind == LINEAR ? in->height : l->kernel;
  const int width = l->kind == LINEAR ? in->width : l->kernel;
  for (int ky = 0; ky < height; ky++)
    for (int kx = 0; kx < width; kx++) {
      const int y = oy * l->stride - l->padding + ky, x = ox * l->stride - l->padding + kx;
      if (!inside(in, y, x)) continue;
      for (int c = 0; c < in->channels; c++)
        sum = fused(in->value[AT(in, n, y, x, c)], w[weight_at(l, in, o, c, ky, kx)], sum);
    }
  return sum;
}

static void forward_layer(Specification *s, int layer, int training, int dropout) {
  const LayerShape *l = &s->config->layers[layer];
  const Plain *in = &s->maps[l->in];
  Plain *out = &s->maps[l->out];
  real *w = s->flat + s->start[layer];
  if (l->kind == NORM) {
    const real count = (real)(s->images * in->height * in->width);
    real *running_mean = w + 2 * out->channels, *running_variance = w + 3 * out->channels;
    for (int c = 0; c < out->channels; c++) {
      real mean = running_mean[c], variance = running_variance[c];
      if (training) {
        real sum = 0, squares = 0;
        for (int i = 0; i < s->images * in->height * in->width; i++)
          sum = sum + in->value[(int64_t)i * in->channels + c];
        sum = sum / count;
        for (int i = 0; i < s->images * in->height * in->width; i++) {
          const real d = in->value[(int64_t)i * in->channels + c] - sum;
          squares = fused(d, d, squares);
        }
        running_mean[c] = fused(sum, (real)0.1, mean * (real)0.9);
        running_variance[c] = fused(squares / (count - 1), (real)0.1, variance * (real)0.9);
        mean = sum, variance = squares / count;
      }
      out->mean[c] = mean;
      out->deviation[c] = 1 / SCALAR(sqrt)(variance + (real)1e-5);
    }
  }
  for (int n = 0; n < s->images; n++)
    for (int y = 0; y < out->height; y++)
      for (int x = 0; x < out->width; x++)
        for (int o = 0; o < out->channels; o++) {
          const int64_t at = AT(out, n, y, x, o);
          if (l->kind == NORM) {
            real z = fused(in->value[at] - out->mean[o], w[o] * out->deviation[o],
                           w[out->channels + o]);
            if (l->add >= 0) z = z + s->maps[l->add].value[at];
            out->value[at] = activated(z, l->activation);
          } else if (l->kind == MAX_POOL) {
            int from = -1;
            real best = 0;
            for (int q = 0; q < 9; q++) {
              if (!inside(in, 2 * y - 1 + q / 3, 2 * x - 1 + q % 3)) continue;
              const real z = in->value[AT(in, n, 2 * y - 1 + q / 3, 2 * x - 1 + q % 3, o)];
              if (from < 0 || is_larger(z, best)) best = z, from = q;
            }
            out->value[at] = best, out->from[at] = (int8_t)from;
          } else if (l->kind == CONV_POOL) {
            // All but Swish fall nowhere: they are applied to the maximum alone.
            const int swish = l->activation == SWISH;
            real before = product(s, layer, n, 2 * y, 2 * x, o);
            real best = swish ? activated(before, SWISH) : before;
            out->from[at] = 0;
            for (int q = 1; q < 4; q++) {
              const real z = product(s, layer, n, 2 * y + q / 2, 2 * x + q % 2, o);
              const real a = swish ? activated(z, SWISH) : z;
              if (is_larger(a, best)) best = a, before = z, out->from[at] = (int8_t)q;
            }
            out->before[at] = before;
            out->value[at] = swish ? best : activated(best, l->activation);
          } else {
            const real z = product(s, layer, n, y, x, o);
            out->before[at] = z;
            out->value[at] = l->kind == LINEAR ? activated(z, l->activation) : z;
            if (l->dropout > 0 && dropout)
              out->value[at] =
                  out->kept[at] ? out->value[at] * (real)(1 / (1 - l->dropout)) : (real)0;
          }
        }
}

// ---- backward ----

// A gradient of what a map holds, made one of what its layer computed: through dropout and the
// activation. Batch norm does so itself.
static real gated(const Specification *s, int map, int64_t at, real gradient, int dropout) {
  const Plain *m = &s->maps[map];
  for (int layer = 0; layer < s->config->layer_count; layer++) {
    const LayerShape *l = &s->config->layers[layer];
    if (l->out != map || (l->kind != CONV_POOL && l->kind != LINEAR)) continue;
    if (l->dropout > 0 && dropout)
      gradient = m->kept[at] ? gradient * (real)(1 / (1 - l->dropout)) : (real)0;
    if (l->activation == RELU) return m->value[at] > 0 ? gradient : 0;
    if (l->activation == IDENTITY) return gradient;
    return gradient *
           derivative(all16(m->before[at]), all16(m->value[at]), l->activation)[0];
  }
  return gradient;
}

// The gradient of one input of a convolution or linear layer, after `sum`, which another layer has
// left there. Dense: plus output gradient times weight by kernel row, kernel column, output channel.
// Pooled: by pooled row, pooled column, output channel, of the outputs that pooling and activation
// let through; a pooled pixel counts for all columns that its window's two columns of outputs see,
// with weight zero where only the other one does.
static real input_gradient(const Specification *s, int layer, int n, int y, int x, int c, real sum) {
  const LayerShape *l = &s->config->layers[layer];
  const Plain *in = &s->maps[l->in], *out = &s->maps[l->out];
  const real *w = s->flat + s->start[layer];
  if (l->kind == CONV_POOL) {
    for (int py = 0; py < out->height; py++)
      for (int px = 0; px < out->width; px++)
        for (int o = 0; o < out->channels; o++) {
          const int64_t at = AT(out, n, py, px, o);
          const real g = out->gradient[at];
          const int ky = y + l->padding - (2 * py + out->from[at] / 2);
          const int column = x + l->padding - 2 * px, kx = column - out->from[at] % 2;
          if (g == 0 || ky < 0 || ky >= l->kernel || column < 0 || column > l->kernel) continue;
          const int seen = kx >= 0 && kx < l->kernel;
          sum = fused(g, seen ? w[weight_at(l, in, o, c, ky, kx)] : 0, sum);
        }
    return sum;
  }
  if (l->kind == LINEAR) {
    for (int o = 0; o < out->channels; o++)
      sum = fused(out->gradient[AT(out, n, 0, 0, o)], w[weight_at(l, in, o, c, y, x)], sum);
    return sum;
  }
  for (int ky = 0; ky < l->kernel; ky++)
    for (int kx = 0; kx < l->kernel; kx++) {
      const int oy = y + l->padding - ky, ox = x + l->padding - kx;
      if (oy < 0 || ox < 0 || oy % l->stride || ox % l->stride) continue;
      if (!inside(out, oy / l->stride, ox / l->stride)) continue;
      for (int o = 0; o < out->channels; o++)
        sum = fused(out->gradient[AT(out, n, oy / l->stride, ox / l->stride, o)],
                    w[weight_at(l, in, o, c, ky, kx)], sum);
    }
  return sum;
}

// The gradient of one weight: sum over image, row, column of the output of input times gradient. A
// pooled convolution leaves out the outputs that are closed. Taps outside the image count as zeros
// where the image has a border (pooled convolutions, and the first layer), and not at all elsewhere.
static real weight_gradient(const Specification *s, int layer, int o, int c, int ky, int kx) {
  const LayerShape *l = &s->config->layers[layer];
  const Plain *in = &s->maps[l->in], *out = &s->maps[l->out];
  real sum = 0;
  for (int n = 0; n < s->images; n++)
    for (int oy = 0; oy < out->height; oy++)
      for (int ox = 0; ox < out->width; ox++) {
        const int64_t at = AT(out, n, oy, ox, o);
        const real g = out->gradient[at];
        int y = oy * l->stride, x = ox * l->stride;
        if (l->kind == CONV_POOL) {
          if (g == 0) continue;
          y = 2 * oy + out->from[at] / 2, x = 2 * ox + out->from[at] % 2;
        }
        y += ky - l->padding, x += kx - l->padding;
        if (inside(in, y, x)) sum = fused(in->value[AT(in, n, y, x, c)], g, sum);
        else if (l->kind == CONV_POOL || l->in == 0) sum = fused(0, g, sum);
      }
  return sum;
}

static real bias_gradient(const Specification *s, const Plain *out, int o) {
  real sum = 0;
  for (int i = 0; i < s->images * out->height * out->width; i++)
    sum = sum + out->gradient[(int64_t)i * out->channels + o];
  return sum;
}

// One parameter's step along its gradient.
static void step_along(Specification *s, int64_t at, real gradient) {
  const Config *config = s->config;
  if (config->optimiser == SGD) {
    if (config->momentum != 0)
      gradient = s->moments[0][at] = fused((real)config->momentum, s->moments[0][at], gradient);
    s->flat[at] = fused(-(real)config->learning_rate, gradient, s->flat[at]);
    return;
  }
  real *mean = s->moments[0] + at, *square = s->moments[1] + at;
  *mean = fused((real)(1 - 0.9), gradient - *mean, *mean);
  *square = fused((real)(1 - 0.999) * gradient, gradient, *square * (real)0.999);
  const real root = SCALAR(sqrt)(*square) / s->root_correction + (real)1e-8;
  s->flat[at] = fused(-s->step_size, *mean / root, s->flat[at]);
}

// Batch norm's gradients: with d the distance from the mean, g the gradient behind the activation
// and m the number of pixels, of the input (g - sum g / m - d sum(g d) / (m variance)) weight /
// deviation, of the weight sum(g d) / deviation, of the bias sum g.
static void backward_norm(Specification *s, int layer, int add_has_gradient) {
  const LayerShape *l = &s->config->layers[layer];
  const Plain *in = &s->maps[l->in], *out = &s->maps[l->out];
  const int pixels = s->images * in->height * in->width;
  const real count = (real)pixels;
  for (int c = 0; c < out->channels; c++) {
    real sum = 0, products = 0;
    for (int i = 0; i < pixels; i++) {
      const int64_t at = (int64_t)i * out->channels + c;
      real g = out->gradient[at];
      if (l->activation == RELU) g = out->value[at] > 0 ? g : 0;
      out->gradient[at] = g;
      if (l->add >= 0) {
        real *other = &s->maps[l->add].gradient[at];
        *other = add_has_gradient ? *other + g : g;
      }
      sum = sum + g;
      products = fused(g, in->value[at] - out->mean[c], products);
    }
    const int64_t weight = s->start[layer] + c, bias = weight + out->channels;
    const real deviation = out->deviation[c], from_mean = sum / count;
    const real from_variance = products * deviation * deviation / count;
    for (int i = 0; i < pixels; i++) {
      const int64_t at = (int64_t)i * out->channels + c;
      const real d = in->value[at] - out->mean[c];
      in->gradient[at] = fused(-d, from_variance, out->gradient[at] - from_mean) *
                         (s->flat[weight] * deviation);
    }
    step_along(s, weight, products * deviation);
    step_along(s, bias, sum);
  }
}

static void backward_layer(Specification *s, int layer, int *has_gradient, int dropout) {
  const LayerShape *l = &s->config->layers[layer];
  const Plain *in = &s->maps[l->in], *out = &s->maps[l->out];
  if (l->kind == NORM) {
    const int added = l->add >= 0 ? has_gradient[l->add]++ : 0;
    backward_norm(s, layer, added);
    has_gradient[l->in]++;
    return;
  }
  const int adds = has_gradient[l->in]++;
  if (l->kind == MAX_POOL) {
    for (int64_t i = 0; i < AT(in, s->images, 0, 0, 0); i++) in->gradient[i] = 0;
    for (int n = 0; n < s->images; n++)
      for (int y = 0; y < out->height; y++)
        for (int x = 0; x < out->width; x++)
          for (int c = 0; c < out->channels; c++) {
            const int from = out->from[AT(out, n, y, x, c)];
            real *g = &in->gradient[AT(in, n, 2 * y - 1 + from / 3, 2 * x - 1 + from % 3, c)];
            *g = *g + out->gradient[AT(out, n, y, x, c)];
          }
    return;
  }
  if (l->in != 0)
    for (int n = 0; n < s->images; n++)
      for (int y = 0; y < in->height; y++)
        for (int x = 0; x < in->width; x++)
          for (int c = 0; c < in->channels; c++) {
            const int64_t at = AT(in, n, y, x, c);
            const real g =
                input_gradient(s, layer, n, y, x, c, adds ? in->gradient[at] : (real)0);
            in->gradient[at] = gated(s, l->in, at, g, dropout);
          }
  const int height = l->kind == LINEAR ? in->height : l->kernel;
  const int width = l->kind == LINEAR ? in->width : l->kernel;
  const int pool = l->kind == CONV_POOL ? 2 : 1;
  for (int ky = 0; ky < height; ky++)
    for (int kx = 0; kx < width; kx++) {
      int live = l->kind == LINEAR;  // a tap that only sees padding is never moved
      for (int oy = 0; oy < out->height * pool && !live; oy++)
        for (int ox = 0; ox < out->width * pool && !live; ox++)
          live = inside(in, oy * l->stride - l->padding + ky, ox * l->stride - l->padding + kx);
      for (int o = 0; o < out->channels && live; o++)
        for (int c = 0; c < in->channels; c++)
          step_along(s, s->start[layer] + weight_at(l, in, o, c, ky, kx),
                     weight_gradient(s, layer, o, c, ky, kx));
    }
  for (int o = 0; o < out->channels && l->kind != CONV; o++)
    step_along(s, s->start[layer] + bias_at(l, in, out) + o, bias_gradient(s, out, o));
}

// ---- a step ----

// Trains on one batch, or (labels NULL) only computes its logits; returns the loss. `flat` and the
// moments have torch's order and are changed; `steps` is the number of this step, from 1. The caller
// gives the maps, and every array of a map room for the batch.
__attribute__((visibility("default"))) real
specification_step(const Config *config, Plain *maps, real *flat, real *mean, real *square,
                   const uint8_t *images, const uint8_t *labels, int32_t count, int64_t steps,
                   uint64_t seed, uint32_t epoch, int64_t first, int32_t dropout) {
  Specification s = {config, maps, flat, {mean, square}, {0}, count, 0, 0};
  const Plain *in = &maps[0];
  Plain *out = &maps[config->map_count - 1];
  for (int64_t i = 0; i < AT(in, count, 0, 0, 0); i++) {
    real x = (real)images[i] / (real)255;
    const int c = (int)(i % in->channels);
    if (config->scaled) x = (x - (real)config->mean[c]) / (real)config->deviation[c];
    in->value[i] = x;
  }
  int64_t start = 0;
  uint32_t dropouts = 0;
  for (int layer = 0; layer < config->layer_count; layer++) {
    const LayerShape *l = &config->layers[layer];
    const Plain *from = &maps[l->in], *to = &maps[l->out];
    s.start[layer] = start;
    if (l->kind == NORM) start += 4 * to->channels;
    else if (l->kind != MAX_POOL)
      start += bias_at(l, from, to) + (l->kind == CONV ? 0 : to->channels);
    if (l->dropout > 0)
      fill_kept(seed, labels ? 3 : 4, epoch, dropouts++, l->dropout,
                (uint64_t)first * (uint64_t)to->channels, count * to->channels, to->kept);
    forward_layer(&s, layer, labels != NULL, dropout);
  }
  if (!labels) return 0;
  double beta1 = 1, beta2 = 1;
  for (int64_t i = 0; i < steps; i++) beta1 *= 0.9, beta2 *= 0.999;
  s.step_size = (real)(config->learning_rate / (1 - beta1));
  s.root_correction = (real)__builtin_sqrt(1 - beta2);
  real loss = 0;
  for (int n = 0; n < count; n++) {
    const real *z = out->value + (int64_t)n * out->channels;
    real largest = z[0], sum = 0;
    for (int c = 1; c < out->channels; c++) largest = z[c] > largest ? z[c] : largest;
    for (int c = 0; c < out->channels; c++) sum = sum + exponential(z[c] - largest);
    loss = loss + (log_of(sum) - (z[labels[n]] - largest));
    for (int c = 0; c < out->channels; c++)
      out->gradient[(int64_t)n * out->channels + c] =
          (exponential(z[c] - largest) / sum - (c == labels[n] ? (real)1 : (real)0)) / (real)count;
  }
  int has_gradient[MAX_MAPS] = {0};
  for (int layer = config->layer_count - 1; layer >= 0; layer--)
    backward_layer(&s, layer, has_gradient, dropout);
  return loss / (real)count;
}
