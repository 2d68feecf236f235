// Each kind of layer, forward and backward, over one thread's share of the work.
//
// A function computes whole outputs, never parts of a sum, so that any division of its `units`
// among threads gives the same bits.
#ifndef REPRO_LAYERS_H
#define REPRO_LAYERS_H

#include "network.h"

// One thread's part in a step.
typedef struct {
  Network *net;
  int thread, threads;
  int images;     // of this batch
  int training;   // whether backward follows
  int by_batch;   // whether batch norm takes its statistics from the batch
  int dropout;    // whether dropout is on
} Work;

typedef struct { int begin, end; } Share;

ALWAYS Share share(const Work *work, int units) {
  return (Share){(int)((int64_t)units * work->thread / work->threads),
                 (int)((int64_t)units * (work->thread + 1) / work->threads)};
}

// Where a pooled pixel keeps which pixel of its window was the largest, by channel.
ALWAYS int8_t *window_from(const Layer *layer, const Map *out, int n, int y, int x) {
  return layer->from + (((int64_t)n * out->height + y) * out->width + x) * out->channels;
}

// ---- forward ----

// Convolution, 2x2 maximum and activation in one. Each convolution output: bias, then plus input
// times weight by kernel row, kernel column, input channel. ReLU, Leaky ReLU and Sigmoid fall nowhere,
// so that they are applied to the maximum alone; Swish does, and comes first.
static void forward_conv_pool(const Work *work, Layer *layer) {
  Network *net = work->net;
  const Map *in = &net->maps[layer->shape.in], *out = &net->maps[layer->shape.out];
  const int activation = layer->shape.activation, width = 2 * out->width;
  const int tiles = (work->images + TILE - 1) / TILE;
  const Share mine = share(work, tiles * out->height);
  for (int unit = mine.begin; unit < mine.end; unit++) {
    const int first = unit / out->height * TILE, py = unit % out->height;
    const int images = at_most(TILE, work->images - first);
    for (int panel = 0; panel < layer->panels; panel++) {
      const real *weights = net->parameters + layer->weights + panel * layer->per_panel;
      const v16 bias = load16(net->parameters + layer->bias + panel * LANES);
      const int lanes = at_most(LANES, layer->outputs - panel * LANES);
      for (int px = 0; px < out->width; px++) {
        v16 window[4][TILE];
        for (int q = 0; q < 4; q++) {
          const int at = (2 * py + q / 2) * width + 2 * px + q % 2;
          const int begin = layer->forward_at[at], count = layer->forward_at[at + 1] - begin;
          for (int p = 0; p < images; p++) window[q][p] = bias;
          sums(images, in->value + first * in->image, in->image, layer->forward + begin, count,
               weights, window[q]);
        }
        for (int p = 0; p < images; p++) {
          v16 before;
          m16 from;
          const v16 best = largest16(&window[0][p], TILE, activation, &before, &from);
          const int64_t to = (first + p) * out->image + pixel(out, py, px) + panel * LANES;
          store_lanes(out->value + to, best, lanes);
          if (!work->training) continue;
          if (activation == SWISH) store_lanes(out->before + to, before, lanes);
          int8_t *index = window_from(layer, out, first + p, py, px) + panel * LANES;
          const b16 small = __builtin_convertvector(from, b16);
          if (lanes == LANES) *(b16 *)index = small;
          else for (int i = 0; i < lanes; i++) index[i] = small[i];
        }
      }
    }
  }
}

// The same for a first layer of few channels, with windows in the lanes.
static void forward_by_windows(const Work *work, Layer *layer) {
  Network *net = work->net;
  const Map *in = &net->maps[layer->shape.in], *out = &net->maps[layer->shape.out];
  const int activation = layer->shape.activation;
  const Planes planes = {layer->shape.kernel, in->channels, (int)layer->plane_row, in->height};
  const real *bias = net->parameters + layer->bias;
  const Share mine = share(work, work->images * out->height);
  for (int unit = mine.begin; unit < mine.end; unit++) {
    const int n = unit / out->height, py = unit % out->height;
    const real *image = layer->planes + n * in->channels * in->height * layer->plane_row;
    for (int px = 0; px < out->width; px += NATIVE)
      for (int o = 0; o < layer->outputs; o += CHANNELS) {
        const int channels = at_most(CHANNELS, layer->outputs - o);
        vn window[4][CHANNELS];
        for (int q = 0; q < 4; q++)
          for (int i = 0; i < channels; i++) window[q][i] = alln(bias[o + i]);
        window_sums(channels, image + 2 * py * layer->plane_row + px, &planes,
                    net->parameters + layer->weights + o, window);
        for (int i = 0; i < channels; i++) {
          vn before;
          mn from;
          const vn best = largestn(&window[0][i], CHANNELS, activation, &before, &from);
          const int lanes = at_most(NATIVE, out->width - px);
          const int64_t to = n * out->image + pixel(out, py, px) + o + i;
          int8_t *index = window_from(layer, out, n, py, px) + o + i;
          for (int j = 0; j < lanes; j++) out->value[to + j * out->channels] = best[j];
          if (!work->training) continue;
          for (int j = 0; j < lanes; j++) index[j * out->channels] = (int8_t)from[j];
          if (activation == SWISH)
            for (int j = 0; j < lanes; j++) out->before[to + j * out->channels] = before[j];
        }
      }
  }
}

// A convolution without bias, or a linear layer: each output is its bias or 0, then plus input
// times weight by kernel row, kernel column, input channel.
static void forward_dense(const Work *work, Layer *layer) {
  Network *net = work->net;
  const Map *in = &net->maps[layer->shape.in], *out = &net->maps[layer->shape.out];
  const int linear = layer->shape.kind == LINEAR, activation = layer->shape.activation;
  const int tiles = (work->images + TILE - 1) / TILE, pixels = out->height * out->width;
  const Share mine = share(work, layer->panels * tiles);
  for (int unit = mine.begin; unit < mine.end; unit++) {
    const int panel = unit / tiles, first = unit % tiles * TILE;
    const int images = at_most(TILE, work->images - first);
    const int lanes = at_most(LANES, layer->outputs - panel * LANES);
    const real *weights = net->parameters + layer->weights + panel * layer->per_panel;
    const v16 bias = linear ? load16(net->parameters + layer->bias + panel * LANES) : all16(0);
    for (int at = 0; at < pixels; at++) {
      const int begin = layer->forward_at[at], count = layer->forward_at[at + 1] - begin;
      v16 sum[TILE];
      for (int p = 0; p < images; p++) sum[p] = bias;
      sums(images, in->value + first * in->image, in->image, layer->forward + begin, count, weights,
           sum);
      for (int p = 0; p < images; p++) {
        const int n = first + p;
        const int64_t to = n * out->image + pixel(out, at / out->width, at % out->width) +
                           panel * LANES;
        if (linear) {
          if (activation == SWISH && work->training) store_lanes(out->before + to, sum[p], lanes);
          sum[p] = activate16(sum[p], activation);
          if (work->dropout && out->scale != 0) {
            const b16 kept = *(b16 *)(out->kept + n * (out->channels + LANES) + panel * LANES);
            const m16 keep = __builtin_convertvector(kept, m16) != 0;
            sum[p] = choose16(keep, sum[p] * out->scale, all16(0));
          }
        }
        store_lanes(out->value + to, sum[p], lanes);
      }
    }
  }
}

// Batch norm. The batch's mean is the sum over images, rows, columns, divided by their number; its
// variance that of the squared distances from the mean. Running statistics move by a tenth, the
// variance's by that of a sample; but not in a prediction, which changes nothing.
static void forward_norm(const Work *work, Layer *layer) {
  Network *net = work->net;
  const Map *in = &net->maps[layer->shape.in], *out = &net->maps[layer->shape.out];
  const Map *add = layer->shape.add >= 0 ? &net->maps[layer->shape.add] : NULL;
  const real count = (real)(work->images * in->height * in->width);
  const real tenth = (real)0.1, rest = (real)0.9, eps = (real)1e-5;
  const Share mine = share(work, layer->panels);
  for (int panel = mine.begin; panel < mine.end; panel++) {
    const int c = panel * LANES, lanes = at_most(LANES, layer->outputs - c);
    v16 mean = load16(layer->running_mean + c), variance = load16(layer->running_variance + c);
    if (work->by_batch) {
      v16 sum = all16(0), squares = all16(0);
      for (int n = 0; n < work->images; n++)
        for (int y = 0; y < in->height; y++)
          for (int x = 0; x < in->width; x++)
            sum = sum + load16(in->value + n * in->image + pixel(in, y, x) + c);
      sum = sum / count;
      for (int n = 0; n < work->images; n++)
        for (int y = 0; y < in->height; y++)
          for (int x = 0; x < in->width; x++) {
            v16 d = load16(in->value + n * in->image + pixel(in, y, x) + c) - sum;
            squares = fma16(d, d, squares);
          }
      if (work->training) {
        store16(layer->running_mean + c, fma16(sum, all16(tenth), mean * rest));
        store16(layer->running_variance + c,
                fma16(squares / (count - 1), all16(tenth), variance * rest));
      }
      mean = sum, variance = squares / count;
    }
    v16 deviation = variance + eps;
    for (int i = 0; i < LANES; i++) deviation[i] = 1 / SCALAR(sqrt)(deviation[i]);
    store16(layer->mean + c, mean);
    store16(layer->deviation + c, deviation);
    const v16 scale = load16(net->parameters + layer->weights + c) * deviation;
    const v16 shift = load16(net->parameters + layer->bias + c);
    for (int n = 0; n < work->images; n++)
      for (int y = 0; y < in->height; y++)
        for (int x = 0; x < in->width; x++) {
          v16 z = fma16(load16(in->value + n * in->image + pixel(in, y, x) + c) - mean, scale,
                        shift);
          if (add) z = z + load16(add->value + n * add->image + pixel(add, y, x) + c);
          store_lanes(out->value + n * out->image + pixel(out, y, x) + c,
                      activate16(z, layer->shape.activation), lanes);
        }
  }
}

// The maximum of 3x3 windows around every second pixel; the first one where several are largest.
static void forward_max_pool(const Work *work, Layer *layer) {
  const Map *in = &work->net->maps[layer->shape.in], *out = &work->net->maps[layer->shape.out];
  const Share mine = share(work, work->images * out->height);
  for (int unit = mine.begin; unit < mine.end; unit++) {
    const int n = unit / out->height, oy = unit % out->height;
    for (int ox = 0; ox < out->width; ox++)
      for (int c = 0; c < out->channels; c += LANES) {
        v16 best = all16(0);
        m16 from = ~(m16){0};
        for (int q = 0; q < 9; q++) {
          const int y = 2 * oy - 1 + q / 3, x = 2 * ox - 1 + q % 3;
          if (y < 0 || x < 0 || y >= in->height || x >= in->width) continue;
          const v16 z = load16(in->value + n * in->image + pixel(in, y, x) + c);
          const m16 larger = is_larger16(z, best) | (from < 0);
          best = choose16(larger, z, best);
          from = (larger & q) | (~larger & from);
        }
        const int lanes = at_most(LANES, out->channels - c);
        store_lanes(out->value + n * out->image + pixel(out, oy, ox) + c, best, lanes);
        int8_t *index = window_from(layer, out, n, oy, ox) + c;
        for (int i = 0; i < lanes; i++) index[i] = (int8_t)from[i];
      }
  }
}

// ---- backward ----

// A gradient of what a map holds, made one of what its layer computed: through dropout and the
// activation. `at` is the place in the map, `n` the image, `c` its first channel.
ALWAYS v16 gate(const Work *work, const Map *map, int64_t at, int n, int c, v16 gradient) {
  if (work->dropout && map->scale != 0) {
    const b16 kept = *(b16 *)(map->kept + n * (map->channels + LANES) + c);
    const m16 keep = __builtin_convertvector(kept, m16) != 0;
    gradient = choose16(keep, gradient * map->scale, all16(0));
  }
  if (map->activation == IDENTITY) return gradient;
  const v16 out = load16(map->value + at);
  if (map->activation == RELU) return choose16(out > 0, gradient, all16(0));
  const v16 before = map->activation == SWISH ? load16(map->before + at) : out;
  return gradient * derivative(before, out, map->activation);
}

static void update(const Work *work, int64_t at, v16 gradient);

// The gradient of a dense layer's input: 0, or what another layer left there, then plus output
// gradient times weight by kernel row, kernel column, output channel.
static void backward_dense(const Work *work, Layer *layer) {
  Network *net = work->net;
  const Map *in = &net->maps[layer->shape.in], *out = &net->maps[layer->shape.out];
  const int linear = layer->shape.kind == LINEAR;
  const int channels = linear ? layer->inputs : in->channels;
  const int pixels = linear ? 1 : in->height * in->width;
  const int taps = linear ? 1 : layer->shape.kernel * layer->shape.kernel;
  real *turned = net->panel + work->thread * net->panel_count;
  const Share mine = share(work, (channels + LANES - 1) / LANES);
  for (int unit = mine.begin; unit < mine.end; unit++) {
    const int c = unit * LANES, lanes = at_most(LANES, channels - c);
    for (int tap = 0; tap < taps; tap++) {
      if (!linear && !(layer->live >> tap & 1)) continue;
      for (int panel = 0; panel < layer->panels; panel++)
        transpose(net->parameters + layer->weights + panel * layer->per_panel +
                      (int64_t)(tap * channels + c) * LANES,
                  LANES, turned + (int64_t)(tap * layer->panels + panel) * LANES * LANES, LANES);
    }
    for (int first = 0; first < work->images; first += TILE) {
      const int images = at_most(TILE, work->images - first);
      for (int at = 0; at < pixels; at++) {
        const int begin = layer->backward_at[at], count = layer->backward_at[at + 1] - begin;
        const int64_t place = (linear ? 0 : pixel(in, at / in->width, at % in->width)) + c;
        v16 sum[TILE];
        for (int p = 0; p < images; p++)
          sum[p] = layer->in_adds ? load16(in->gradient + (first + p) * in->image + place)
                                  : all16(0);
        sums(images, out->gradient + first * out->image, out->image, layer->backward + begin, count,
             turned, sum);
        for (int p = 0; p < images; p++) {
          const int64_t to = (first + p) * in->image + place;
          store_lanes(in->gradient + to, gate(work, in, to, first + p, c, sum[p]), lanes);
        }
      }
    }
  }
}

// The gradients of a dense layer's weights and their update: sums over images, rows, columns of
// input times output gradient. Where the map has no border, pixels that do not see the tap are
// left out; where it has one, its zeros take part. A tap that no pixel sees stays as it is: times a
// gradient that is no number, zero would be none either.
static void update_dense(const Work *work, Layer *layer) {
  Network *net = work->net;
  const Map *in = &net->maps[layer->shape.in], *out = &net->maps[layer->shape.out];
  const LayerShape *s = &layer->shape;
  const int linear = s->kind == LINEAR, whole_rows = !linear && in->border >= s->padding;
  const int length = linear ? layer->inputs : whole_rows ? layer->kernel_row : in->channels;
  const int runs = layer->inputs / length, block = ROWS * 8;
  const int blocks = (length + block - 1) / block;
  const Share mine = share(work, layer->panels * runs * blocks);
  for (int unit = mine.begin; unit < mine.end; unit++) {
    const int panel = unit / blocks / runs, run = unit / blocks % runs;
    const int end = at_most(length, (unit % blocks + 1) * block);
    const int ky = whole_rows ? run : run / s->kernel, kx = whole_rows ? 0 : run % s->kernel;
    Pixels over = {work->images, 1, 1, in->image, 0, 0, out->image, 0, 0};
    const real *x = in->value, *g = out->gradient + panel * LANES;
    if (!linear) {
      if (!whole_rows && !(layer->live >> run & 1)) continue;
      int top = 0, left = 0, bottom = out->height, right = out->width;
      if (!whole_rows) {
        while (top * s->stride - s->padding + ky < 0) top++;
        while (left * s->stride - s->padding + kx < 0) left++;
        while ((bottom - 1) * s->stride - s->padding + ky >= in->height) bottom--;
        while ((right - 1) * s->stride - s->padding + kx >= in->width) right--;
      }
      over.rows = bottom - top, over.columns = right - left;
      over.x_row = s->stride * in->row, over.x_column = s->stride * in->channels;
      over.g_row = out->row, over.g_column = out->channels;
      x += pixel(in, top * s->stride - s->padding + ky, left * s->stride - s->padding + kx);
      g += pixel(out, top, left);
    }
    if (over.rows == 1 && over.columns == 1)
      over = (Pixels){1, 1, over.images, 0, 0, over.x_image, 0, 0, over.g_image};
    for (int k = unit % blocks * block; k < end; k += ROWS) {
      v16 sum[ROWS];
      const int inputs = at_most(ROWS, end - k);
      for (int i = 0; i < inputs; i++) sum[i] = all16(0);
      weight_sums(inputs, x + k, g, &over, sum);
      const int64_t at = layer->weights + panel * layer->per_panel +
                         (int64_t)(run * length + k) * LANES;
      for (int i = 0; i < inputs; i++)
        if (!whole_rows || is_live(layer, ky, k + i)) update(work, at + i * LANES, sum[i]);
    }
    if (linear && unit % blocks == 0) {
      v16 sum = all16(0);
      for (int n = 0; n < work->images; n++) sum = sum + load16(g + n * out->image);
      update(work, layer->bias + panel * LANES, sum);
    }
  }
}

// A pooled convolution's backward visits the outputs that pooling and activation let through, those
// whose gradient is not zero. The gradient of an input: sum over pooled row, pooled column, output
// channel of gradient times weight. Each pooled pixel counts for all columns that its window's two
// columns of outputs see, with weight zero where only the other one does.
static void backward_conv_pool_inputs(const Work *work, Layer *layer) {
  Network *net = work->net;
  const Map *in = &net->maps[layer->shape.in], *out = &net->maps[layer->shape.out];
  const int kernel = layer->shape.kernel, padding = layer->shape.padding;
  const int depth = layer->depth, columns = in->width + 2 * in->border;
  const int32_t between = (int32_t)layer->between, per_output = kernel * between;
  const int length = (kernel + 1) * depth, row = columns * depth;
  const int64_t numbers = (int64_t)(in->height + 2 * in->border) * row;
  // Here pixels have a whole number of registers, so that what one pooled pixel stores the next one
  // loads in the same pieces.
  real *image = net->panel + work->thread * net->panel_count;
  // Those of the window's upper row of outputs, of its lower row, and of both.
  Open *upper = net->open + work->thread * net->open_count;
  Open *lower = upper + out->channels + 1, *both = lower + out->channels + 1;
  const Share mine = share(work, work->images);
  for (int n = mine.begin; n < mine.end; n++) {
    for (int64_t i = 0; i < numbers; i += LANES) store16(image + i, all16(0));
    const int8_t *from = window_from(layer, out, n, 0, 0);
    for (int py = 0; py < out->height; py++)
      for (int px = 0; px < out->width; px++, from += out->channels) {
        const real *g = out->gradient + n * out->image + pixel(out, py, px);
        int uppers = 0, lowers = 0, boths = 0;
        for (int o = 0; o < layer->outputs; o++) {
          const int is_open = g[o] != 0, is_lower = from[o] >> 1;
          const int at = o * per_output + (1 - (from[o] & 1)) * depth - is_lower * between;
          // Written number by number: a struct would be stored in two parts and loaded as one.
          upper[uppers].at = lower[lowers].at = both[boths].at = at;
          upper[uppers].gradient = lower[lowers].gradient = both[boths].gradient = g[o];
          boths += is_open;
          lowers += is_open & is_lower;
          uppers += is_open & ~is_lower;
        }
        real *to = image + (2 * py - padding + in->border) * row +
                   (2 * px - padding + in->border) * depth;
        const real *w = layer->by_output;
        strips(1, length, upper, uppers, w, between, to, row);
        strips(kernel - 1, length, both, boths, w + between, between, to + row, row);
        strips(1, length, lower, lowers, w + kernel * between, between, to + kernel * row, row);
      }
    for (int y = 0; y < in->height; y++)
      for (int x = 0; x < in->width; x++) {
        const real *made = image + (y + in->border) * row + (x + in->border) * depth;
        const int64_t at = n * in->image + pixel(in, y, x);
        for (int c = 0; c < in->channels; c += LANES)
          store_lanes(in->gradient + at + c, gate(work, in, at + c, n, c, load16(made + c)),
                      at_most(LANES, in->channels - c));
      }
  }
}

// The gradients of its weights: sums over image, pooled row, pooled column of gradient times input.
// They are kept, since other threads still read the weights.
static void backward_conv_pool_weights(const Work *work, Layer *layer) {
  Network *net = work->net;
  const Map *in = &net->maps[layer->shape.in], *out = &net->maps[layer->shape.out];
  const int kernel = layer->shape.kernel, padding = layer->shape.padding;
  const int x_step = 2 * in->channels, out_channels = layer->outputs, width = out->width;
  const int64_t list = net->open_count / LANES, per_output = kernel * layer->padded;
  Open *open = net->open + work->thread * net->open_count;
  int32_t inside[4];  // the four outputs of a window
  for (int q = 0; q < 4; q++) inside[q] = (int32_t)(q / 2 * in->row + q % 2 * in->channels);
  const Share mine = share(work, layer->outputs);
  for (int o = mine.begin; o < mine.end; o += LANES) {
    const int channels = at_most(LANES, mine.end - o);
    real *sums_here = layer->gradients + o * per_output;
    for (int64_t i = 0; i < channels * per_output; i += LANES) store16(sums_here + i, all16(0));
    for (int i = 0; i < channels; i++) layer->bias_gradients[o + i] = 0;
    for (int first = 0; first < work->images; first += layer->images_listed) {
      const int end = at_most(work->images, first + layer->images_listed);
      int count[LANES] = {0};
      for (int i = 0; i < channels; i++) {
        Open *next = open + i * list;
        for (int n = first; n < end; n++) {
          const int8_t *from = window_from(layer, out, n, 0, 0) + o + i;
          for (int py = 0; py < out->height; py++) {
            const real *g = out->gradient + n * out->image + pixel(out, py, 0) + o + i;
            int32_t at = (int32_t)(n * in->image + pixel(in, 2 * py - padding, -padding));
            for (int px = 0; px < width; px++) {
              next->at = at + inside[*from];
              next->gradient = *g;
              next += *g != 0;
              at += x_step, g += out_channels, from += out_channels;
            }
          }
        }
        count[i] = (int)(next - (open + i * list));
      }
      for (int i = 0; i < channels; i++) {
        const Open *found = open + i * list;
        open_sums(kernel, layer->kernel_row, in->value, in->row, found, count[i],
                  sums_here + i * per_output, layer->padded, &layer->bias_gradients[o + i]);
      }
    }
  }
}

static void update_conv_pool(const Work *work, Layer *layer) {
  const int kernel = layer->shape.kernel, row = layer->kernel_row;
  const Share mine = share(work, layer->panels * kernel);
  for (int unit = mine.begin; unit < mine.end; unit++) {
    const int panel = unit / kernel, ky = unit % kernel;
    for (int j = 0; j < row; j += LANES) {
      real block[LANES * LANES];
      transpose(layer->gradients + ((int64_t)panel * LANES * kernel + ky) * layer->padded + j,
                kernel * layer->padded, block, LANES);
      for (int i = 0; i < at_most(LANES, row - j); i++)
        if (is_live(layer, ky, j + i))
          update(work, layer->weights + panel * layer->per_panel + (ky * row + j + i) * LANES,
                 load16(block + i * LANES));
    }
    if (ky == 0)
      update(work, layer->bias + panel * LANES, load16(layer->bias_gradients + panel * LANES));
  }
}

// The weights of a pooled convolution by output channel, for backward_conv_pool_inputs.
static void turn_weights(const Work *work, Layer *layer) {
  const int kernel = layer->shape.kernel, row = layer->kernel_row, channels = row / kernel;
  const Share mine = share(work, layer->panels * kernel);
  for (int unit = mine.begin; unit < mine.end; unit++) {
    const int panel = unit / kernel, ky = unit % kernel;
    const real *from = work->net->parameters + layer->weights + panel * layer->per_panel +
                       (int64_t)ky * row * LANES;
    for (int kx = 0; kx < kernel; kx++)
      for (int c = 0; c < channels; c += LANES) {
        real *to = layer->by_output + ((int64_t)panel * LANES * kernel + ky) * layer->between +
                   (kx + 1) * layer->depth + c;
        const real *here = from + (kx * channels + c) * LANES;
        if (channels - c >= LANES) transpose(here, LANES, to, kernel * layer->between);
        else
          for (int o = 0; o < LANES; o++)
            for (int i = 0; i < channels - c; i++)
              to[o * kernel * layer->between + i] = here[i * LANES + o];
      }
  }
}

// Batch norm's: with d the distance from the mean, g the gradient behind the activation and m the
// number of pixels, the sums of g and of g d over images, rows, columns; then the gradient of the
// input, (g - sum g / m - d sum(g d) / (m variance)) weight / deviation.
static void backward_norm(const Work *work, Layer *layer) {
  Network *net = work->net;
  const Map *in = &net->maps[layer->shape.in], *out = &net->maps[layer->shape.out];
  const Map *add = layer->shape.add >= 0 ? &net->maps[layer->shape.add] : NULL;
  const real count = (real)(work->images * in->height * in->width);
  const Share mine = share(work, layer->panels);
  for (int panel = mine.begin; panel < mine.end; panel++) {
    const int c = panel * LANES, lanes = at_most(LANES, layer->outputs - c);
    const v16 mean = load16(layer->mean + c), deviation = load16(layer->deviation + c);
    v16 sum = all16(0), products = all16(0);
    for (int n = 0; n < work->images; n++)
      for (int y = 0; y < in->height; y++)
        for (int x = 0; x < in->width; x++) {
          const int64_t at = n * out->image + pixel(out, y, x) + c;
          v16 g = load16(out->gradient + at);
          if (layer->shape.activation == RELU)
            g = choose16(load16(out->value + at) > 0, g, all16(0));
          store_lanes(out->gradient + at, g, lanes);
          if (add) {
            real *other = add->gradient + n * add->image + pixel(add, y, x) + c;
            store_lanes(other, layer->add_adds ? load16(other) + g : g, lanes);
          }
          sum = sum + g;
          const v16 d = load16(in->value + n * in->image + pixel(in, y, x) + c) - mean;
          products = fma16(g, d, products);
        }
    const v16 from_mean = sum / count;
    const v16 from_variance = products * deviation * deviation / count;
    const v16 scale = load16(net->parameters + layer->weights + c) * deviation;
    for (int n = 0; n < work->images; n++)
      for (int y = 0; y < in->height; y++)
        for (int x = 0; x < in->width; x++) {
          const int64_t at = n * in->image + pixel(in, y, x) + c;
          const v16 d = load16(in->value + at) - mean;
          v16 g = load16(out->gradient + n * out->image + pixel(out, y, x) + c) - from_mean;
          g = fma16(-d, from_variance, g);
          store_lanes(in->gradient + at, g * scale, lanes);
        }
    update(work, layer->weights + c, products * deviation);
    update(work, layer->bias + c, sum);
  }
}

// Of overlapping windows, a pixel gets the sum over window rows and columns in order.
static void backward_max_pool(const Work *work, Layer *layer) {
  const Map *in = &work->net->maps[layer->shape.in], *out = &work->net->maps[layer->shape.out];
  const Share mine = share(work, work->images);
  for (int n = mine.begin; n < mine.end; n++) {
    real *to = in->gradient + n * in->image;
    for (int64_t i = 0; i < in->image; i += LANES) store16(to + i, all16(0));
    const int8_t *from = layer->from + (int64_t)n * out->height * out->width * out->channels;
    for (int oy = 0; oy < out->height; oy++)
      for (int ox = 0; ox < out->width; ox++, from += out->channels) {
        const real *g = out->gradient + n * out->image + pixel(out, oy, ox);
        for (int c = 0; c < out->channels; c++) {
          real *d = to + pixel(in, 2 * oy - 1 + from[c] / 3, 2 * ox - 1 + from[c] % 3) + c;
          *d = *d + g[c];
        }
      }
  }
}

// ---- the optimiser ----

// 16 parameters, one step along their gradients. SGD: v = momentum v + g (fused), w = w - rate v
// (fused). Adam as in its paper, the moments moved by (1 - beta) times the distance.
static void update(const Work *work, int64_t at, v16 gradient) {
  Network *net = work->net;
  const Config *config = &net->config;
  real *w = net->parameters + at;
  if (config->optimiser == SGD) {
    if (net->moments[0]) {
      real *velocity = net->moments[0] + at;
      gradient = fma16(all16((real)config->momentum), load16(velocity), gradient);
      store16(velocity, gradient);
    }
    store16(w, fma16(all16(-(real)config->learning_rate), gradient, load16(w)));
    return;
  }
  v16 mean = load16(net->moments[0] + at), square = load16(net->moments[1] + at);
  mean = fma16(all16((real)(1 - 0.9)), gradient - mean, mean);
  square = fma16(all16((real)(1 - 0.999)) * gradient, gradient, square * (real)0.999);
  store16(net->moments[0] + at, mean);
  store16(net->moments[1] + at, square);
  v16 root = square;
  for (int i = 0; i < LANES; i++) root[i] = SCALAR(sqrt)(square[i]);
  root = root / net->root_correction + (real)1e-8;
  store16(w, fma16(all16(-net->step_size), mean / root, load16(w)));
}
#endif
