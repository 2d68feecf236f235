// A network in memory: where the activations, weights and lists of a table of layers lie.
#ifndef REPRO_NETWORK_H
#define REPRO_NETWORK_H

#include "config.h"
#include "kernels.h"

#define LISTED 2048  // open pixels of an output channel that are listed at a time, at least
#define SLACK 32     // numbers after an image that a vector may read

// Activations of a batch, with a border of zeros where a convolution wants one, and their gradient.
typedef struct {
  int32_t height, width, channels, border;
  int64_t row, image;  // numbers from one row, one image to the next
  real *value, *gradient, *before;  // before: what a swish took
  int32_t activation;               // of the layer that makes it, if its gradient has to pass it
  real scale;                       // of what dropout kept, or 0 without dropout
  uint8_t *kept;                    // dropout's mask (images, channels)
} Map;

typedef struct {
  LayerShape shape;
  int32_t inputs, outputs, panels, kernel_row;  // numbers of a kernel's row: width times channels
  int64_t weights, bias;          // where they begin in the parameters
  int64_t flat;                   // where the layer begins in torch's order
  int64_t per_panel;              // numbers of a panel
  const Span *forward, *backward; // of each output, each input pixel
  const int32_t *forward_at, *backward_at;  // where a pixel's spans begin, and the end
  int8_t *from;                   // which pixel of its window a maximum came from
  real *by_output;                // weights by output channel: (output, kernel row, between)
  int depth;                      // channels of its pixels: the input's, filled up to 8
  int64_t between;                // numbers of such a row: a pixel of zeros on both sides
  real *gradients;                // by output channel: (output, kernel row, padded)
  real *bias_gradients;
  int64_t padded;                 // numbers of a kernel's row, filled up to 16
  int images_listed;              // images whose open pixels are listed at a time
  int by_windows;                 // whether lanes are pooling windows: see accumulate_windows
  real *planes;                   // then the images by channel, even columns before odd ones
  int64_t plane_row;
  uint64_t live;                  // taps that see the image at some output pixel, a bit each
  int all_live;                   // no tap is without one
  int in_adds, add_adds;          // whether the map has a gradient already when its turn comes
  real *mean, *deviation;         // NORM: of the batch; deviation is 1 / sqrt(variance + eps)
  real *running_mean, *running_variance;
} Layer;

typedef struct {
  _Alignas(64) volatile int32_t arrived;
  _Alignas(64) volatile int32_t generation;
} Barrier;

typedef struct {
  Config config;
  Map maps[MAX_MAPS];
  Layer layers[MAX_LAYERS];
  int64_t parameter_count, flat_count;
  real *parameters, *moments[2];  // the same layout thrice
  real *scaled;                   // what a byte becomes, by channel: (3, 256)
  real *losses;                   // of each image of the batch
  Open *open;                     // a list a thread
  int64_t open_count;
  real *panel;                    // a transposed panel, or the gradient of an image, a thread
  int64_t panel_count;
  double beta1_power, beta2_power;  // Adam's
  real step_size, root_correction;
  Barrier barrier;
} Network;

// A piece of the arena, in the order in which it is asked for; with base NULL it only counts.
typedef struct { char *base; int64_t used; } Arena;

static void *take(Arena *arena, int64_t bytes) {
  void *here = arena->base ? arena->base + arena->used : NULL;
  arena->used += (bytes + 63) / 64 * 64;
  return here;
}
#define TAKE(type, count) ((type *)take(arena, (int64_t)(count) * (int64_t)sizeof(type)))

ALWAYS int at_least(int a, int b) { return a > b ? a : b; }
ALWAYS int at_most(int a, int b) { return a < b ? a : b; }

// The pixel (y, x) of an image of a map, from the image's beginning.
ALWAYS int64_t pixel(const Map *map, int y, int x) {
  return (y + map->border) * map->row + (int64_t)(x + map->border) * map->channels;
}

static void lay_out_map(Arena *arena, Map *map, const MapShape *shape, int border, int batch) {
  map->height = shape->height;
  map->width = shape->width;
  map->channels = shape->channels;
  map->border = border;
  map->row = (int64_t)(shape->width + 2 * border) * shape->channels;
  // Images an odd number of cache lines apart: else the same pixel of all of them would fall into
  // one set of the cache.
  map->image = ((map->row * (shape->height + 2 * border) + SLACK + 15) / 16 | 1) * 16;
  map->value = TAKE(real, map->image * batch + SLACK);
  map->gradient = TAKE(real, map->image * batch + SLACK);
}

// The spans by which an output pixel sees the image: a kernel's row where all its inputs lie side
// by side, without the taps that fall outside.
static int spans_forward(const Layer *layer, const Map *in, int oy, int ox, Span *to) {
  const LayerShape *s = &layer->shape;
  int count = 0, y0 = oy * s->stride - s->padding, x0 = ox * s->stride - s->padding;
  int first = at_least(0, -x0), last = at_most(s->kernel, in->width - x0);
  for (int ky = 0; ky < s->kernel; ky++) {
    if (y0 + ky < 0 || y0 + ky >= in->height || first >= last) continue;
    if (to) to[count] = (Span){(int32_t)pixel(in, y0 + ky, x0 + first),
                               (ky * s->kernel + first) * in->channels,
                               (last - first) * in->channels};
    count++;
  }
  return count;
}

// The spans by which an input pixel gets its gradient: the output channels of every output pixel
// that sees it, by the rows and columns of the kernel.
static int spans_backward(const Layer *layer, const Map *out, int y, int x, Span *to) {
  const LayerShape *s = &layer->shape;
  int count = 0;
  for (int ky = 0; ky < s->kernel; ky++)
    for (int kx = 0; kx < s->kernel; kx++) {
      int oy = y + s->padding - ky, ox = x + s->padding - kx;
      if (oy < 0 || ox < 0 || oy % s->stride || ox % s->stride) continue;
      oy /= s->stride, ox /= s->stride;
      if (oy >= out->height || ox >= out->width) continue;
      if (to) to[count] = (Span){(int32_t)pixel(out, oy, ox),
                                 (ky * s->kernel + kx) * layer->panels * LANES, layer->outputs};
      count++;
    }
  return count;
}

// Whether a kernel's tap sees a pixel of the image from some output pixel. On 32x32 images resnet18
// reaches maps of one pixel, where eight of a 3x3 kernel's nine taps only ever see padding.
static int tap_is_live(const LayerShape *s, const Map *in, const Map *out, int ky, int kx) {
  const int pool = s->kind == CONV_POOL ? 2 : 1;
  int live_y = 0, live_x = 0;
  for (int o = 0; o < out->height * pool; o++) {
    int y = o * s->stride - s->padding + ky;
    live_y |= y >= 0 && y < in->height;
  }
  for (int o = 0; o < out->width * pool; o++) {
    int x = o * s->stride - s->padding + kx;
    live_x |= x >= 0 && x < in->width;
  }
  return live_y && live_x;
}

// The same of the tap that input number k of the kernel's row ky belongs to.
ALWAYS int is_live(const Layer *layer, int ky, int k) {
  const int kernel = layer->shape.kernel, channels = layer->kernel_row / kernel;
  return layer->all_live || (layer->live >> (ky * kernel + k / channels) & 1);
}

static void lay_out_spans(Arena *arena, Layer *layer, const Map *in, const Map *out) {
  const int conv = layer->shape.kind != LINEAR;
  const int pool = layer->shape.kind == CONV_POOL ? 2 : 1;
  const int height = conv ? out->height * pool : 1, width = conv ? out->width * pool : 1;
  int32_t *at = TAKE(int32_t, height * width + 1);
  int most = conv ? height * width * layer->shape.kernel : 1;
  Span *spans = TAKE(Span, most);
  layer->forward = spans, layer->forward_at = at;
  if (arena->base) {
    int count = 0;
    for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++) {
        at[y * width + x] = count;
        if (conv) count += spans_forward(layer, in, y, x, spans + count);
        else spans[count++] = (Span){0, 0, layer->inputs};
      }
    at[height * width] = count;
  }
  if (layer->shape.kind == CONV_POOL) return;
  const int rows = conv ? in->height : 1, columns = conv ? in->width : 1;
  at = TAKE(int32_t, rows * columns + 1);
  spans = TAKE(Span, rows * columns * layer->shape.kernel * layer->shape.kernel);
  layer->backward = spans, layer->backward_at = at;
  if (arena->base) {
    int count = 0;
    for (int y = 0; y < rows; y++)
      for (int x = 0; x < columns; x++) {
        at[y * columns + x] = count;
        if (conv) count += spans_backward(layer, out, y, x, spans + count);
        else spans[count++] = (Span){0, 0, layer->outputs};
      }
    at[rows * columns] = count;
  }
}

// Everything in its place; the number of bytes where the arena has no base yet.
static int64_t lay_out(Network *net, Arena *arena) {
  const Config *config = &net->config;
  const int batch = config->batch, threads = config->threads;
  for (int m = 0; m < config->map_count; m++) {
    int border = 0;
    for (int l = 0; l < config->layer_count; l++) {
      const LayerShape *s = &config->layers[l];
      // The first layer's rows are short, so that it takes them whole, border and all.
      if (s->in == m && (s->kind == CONV_POOL || (s->kind == CONV && m == 0)))
        border = at_least(border, s->padding);
    }
    lay_out_map(arena, &net->maps[m], &config->maps[m], border, batch);
  }
  int64_t parameters = 0, flat = 0, open = 0, panel = 0;
  for (int l = 0; l < config->layer_count; l++) {
    Layer *layer = &net->layers[l];
    layer->shape = config->layers[l];
    const LayerShape *s = &layer->shape;
    Map *in = &net->maps[s->in], *out = &net->maps[s->out];
    const int batched = out->height * out->width * out->channels * batch;
    layer->flat = flat;
    layer->outputs = out->channels;
    layer->panels = (layer->outputs + LANES - 1) / LANES;
    if (s->kind == NORM) {
      layer->weights = parameters, layer->bias = parameters + layer->panels * LANES;
      parameters += 2 * layer->panels * LANES;
      flat += 4 * layer->outputs;
      layer->mean = TAKE(real, layer->panels * LANES);
      layer->deviation = TAKE(real, layer->panels * LANES);
      layer->running_mean = TAKE(real, layer->panels * LANES);
      layer->running_variance = TAKE(real, layer->panels * LANES);
    } else if (s->kind == MAX_POOL) {
      layer->from = TAKE(int8_t, batched);
    } else {
      int taps = s->kind == LINEAR ? in->height * in->width : s->kernel * s->kernel;
      layer->inputs = taps * in->channels;
      layer->kernel_row = s->kernel * in->channels;
      layer->per_panel = (int64_t)layer->inputs * LANES;
      layer->weights = parameters;
      layer->bias = parameters + layer->panels * layer->per_panel;
      parameters = layer->bias + (s->kind == CONV ? 0 : layer->panels * LANES);
      flat += (int64_t)layer->inputs * layer->outputs + (s->kind == CONV ? 0 : layer->outputs);
      for (int tap = 0; s->kind != LINEAR && tap < taps; tap++)
        layer->live |= (uint64_t)tap_is_live(s, in, out, tap / s->kernel, tap % s->kernel) << tap;
      layer->all_live = s->kind == LINEAR || layer->live == ((uint64_t)1 << taps) - 1;
      lay_out_spans(arena, layer, in, out);
      if (s->kind == CONV_POOL) {
        layer->from = TAKE(int8_t, batched);
        layer->padded = (layer->kernel_row + LANES - 1) / LANES * LANES;
        int64_t rows = (int64_t)layer->panels * LANES * s->kernel;
        layer->depth = (in->channels + 7) / 8 * 8;
        layer->between = (int64_t)(s->kernel + 2) * layer->depth;
        const int64_t image = (int64_t)(in->height + 2 * in->border) *
                              (in->width + 2 * in->border) * layer->depth + SLACK;
        panel = panel > image ? panel : image;
        layer->by_output = TAKE(real, rows * layer->between + SLACK);
        layer->gradients = TAKE(real, rows * layer->padded + SLACK);
        layer->bias_gradients = TAKE(real, layer->panels * LANES);
        layer->images_listed = at_least(1, LISTED / (out->height * out->width));
        const int listed = at_most(batch, layer->images_listed) * out->height * out->width + 1;
        open = at_least((int)open, at_least(LANES * listed, 3 * (layer->outputs + 1)));
        layer->by_windows = layer->outputs <= LANES / 2 && s->in == 0 && s->padding == 0;
        if (layer->by_windows) {
          layer->plane_row = 2 * ((in->width + 1) / 2 + LANES);
          layer->planes = TAKE(real, layer->plane_row * in->height * in->channels * batch);
        }
      } else {
        int64_t outputs = s->kind == LINEAR ? 1 : s->kernel * s->kernel;
        outputs *= (layer->outputs + LANES - 1) / LANES * LANES;
        panel = panel > outputs * LANES ? panel : outputs * LANES;
      }
    }
    if (s->kind == CONV_POOL || s->kind == LINEAR) {
      out->activation = s->activation;
      if (s->activation == SWISH) out->before = TAKE(real, out->image * batch + SLACK);
    }
    if (s->dropout > 0) {
      out->scale = (real)(1 / (1 - s->dropout));
      out->kept = TAKE(uint8_t, (out->channels + LANES) * batch);
    }
  }
  // Gradients are made from the last layer to the first.
  int has_gradient[MAX_MAPS] = {0};
  for (int l = config->layer_count - 1; l >= 0; l--) {
    const LayerShape *s = &config->layers[l];
    if (s->kind == NORM && s->add >= 0) net->layers[l].add_adds = has_gradient[s->add]++;
    net->layers[l].in_adds = has_gradient[s->in]++;
  }
  net->parameter_count = parameters, net->flat_count = flat;
  net->parameters = TAKE(real, parameters + SLACK);
  const int moments = config->optimiser == ADAM ? 2 : config->momentum != 0;
  for (int m = 0; m < moments; m++) net->moments[m] = TAKE(real, parameters + SLACK);
  net->scaled = TAKE(real, 3 * 256);
  net->losses = TAKE(real, batch);
  net->open_count = (open + 16) & ~15;
  net->open = TAKE(Open, net->open_count * threads);
  net->panel_count = panel;
  net->panel = TAKE(real, panel * threads);
  return arena->used;
}

// What a byte of a channel becomes: as torchvision's ToTensor and Normalize, number by number.
static void fill_scales(Network *net) {
  const Config *config = &net->config;
  for (int c = 0; c < 3; c++)
    for (int byte = 0; byte < 256; byte++) {
      real x = (real)byte / (real)255;
      if (config->scaled) x = (x - (real)config->mean[c]) / (real)config->deviation[c];
      net->scaled[c * 256 + byte] = x;
    }
}

// Copies one plane of the parameters (0: the weights, 1 and 2: the optimiser's moments) from
// (`out` 0) or to torch's layout: layer by layer weight (output, input, row, column) and bias; of
// batch norm weight, bias, running mean, running variance. Taps that never see an image have their
// place too: no step reads or changes them, and a state dict has them. NaN is written as the one
// quiet NaN: which bits it has differs between processors.
ALWAYS void copy(real *ours, real *theirs, int out) {
  if (!out) *ours = *theirs;
  else *theirs = *ours == *ours ? *ours : (real)__builtin_nanf("");
}

static void transfer(Network *net, real *theirs, int plane, int out) {
  real *base = plane ? net->moments[plane - 1] : net->parameters;
  for (int l = 0; l < net->config.layer_count; l++) {
    Layer *layer = &net->layers[l];
    const LayerShape *s = &layer->shape;
    const Map *in = &net->maps[s->in];
    real *flat = theirs + layer->flat, *weights = base + layer->weights, *bias = base + layer->bias;
    const int outputs = layer->outputs, channels = in->channels;
    if (s->kind == MAX_POOL) continue;
    if (s->kind == NORM) {
      for (int o = 0; o < outputs; o++) {
        copy(&weights[o], &flat[o], out);
        copy(&bias[o], &flat[outputs + o], out);
        if (plane) continue;
        copy(&layer->running_mean[o], &flat[2 * outputs + o], out);
        copy(&layer->running_variance[o], &flat[3 * outputs + o], out);
      }
      continue;
    }
    const int height = s->kind == LINEAR ? in->height : s->kernel;
    const int width = s->kind == LINEAR ? in->width : s->kernel;
    for (int o = 0; o < outputs; o++)
      for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
          for (int c = 0; c < channels; c++)
            copy(&weights[o / LANES * layer->per_panel +
                          ((int64_t)(y * width + x) * channels + c) * LANES + o % LANES],
                 &flat[((int64_t)(o * channels + c) * height + y) * width + x], out);
    if (s->kind != CONV)
      for (int o = 0; o < outputs; o++)
        copy(&bias[o], &flat[(int64_t)layer->inputs * outputs + o], out);
  }
}
#endif
