// The networks of the report, trained and applied on a CPU to the same bits everywhere.
//
// Read specification.c first: it is the same without vectors and threads. Then vector.h (numbers),
// kernels.h (sums), network.h (tables and memory), layers.h (each kind of layer), and here a step.
#include "layers.h"
#include "random.h"

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
__declspec(dllimport) int SwitchToThread(void);
#define yield_core() SwitchToThread()
#else
#define EXPORT __attribute__((visibility("default")))
extern int sched_yield(void);
#define yield_core() sched_yield()
#endif

// What is done with a network. The same struct stands in ../binding.py.
typedef struct {
  const uint8_t *images;  // (N, 32, 32, 3)
  const uint8_t *labels;  // (N,); not read by `repro_predict`
  const int64_t *order;   // the images to take, or NULL for the first ones in their order
  int64_t count;          // how many
  int64_t first;          // place of the first one in the epoch: dropout's masks depend on it
  uint64_t seed;
  uint32_t epoch, purpose;
  int32_t batch, dropout;  // images of a step; whether dropout is on
  int32_t threads;
  int32_t by_batch;        // whether batch norm takes its statistics from the batch in prediction
  real *losses;            // (steps,), training
  real *logits;            // (count, 10), prediction
} Job;

// Denormal numbers are numbers and rounding is to nearest, whatever the caller has set.
#if defined(__x86_64__)
typedef uint32_t Mode;
ALWAYS Mode enter_mode(void) {
  Mode before = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(0x1f80);
  return before;
}
ALWAYS void leave_mode(Mode before) { __builtin_ia32_ldmxcsr(before); }
ALWAYS void pause_core(void) { __builtin_ia32_pause(); }
#elif defined(__aarch64__)
typedef uint64_t Mode;
ALWAYS Mode enter_mode(void) {
  Mode before, plain = 0;
  __asm__ volatile("mrs %0, fpcr" : "=r"(before));
  __asm__ volatile("msr fpcr, %0" : : "r"(plain));
  return before;
}
ALWAYS void leave_mode(Mode before) { __asm__ volatile("msr fpcr, %0" : : "r"(before)); }
ALWAYS void pause_core(void) { __asm__ volatile("yield"); }
#endif

// Waits until all threads are here.
static void meet(Work *work) {
  if (work->threads == 1) return;
  Barrier *barrier = &work->net->barrier;
  const int32_t generation = __atomic_load_n(&barrier->generation, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(&barrier->arrived, 1, __ATOMIC_ACQ_REL) == work->threads) {
    __atomic_store_n(&barrier->arrived, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&barrier->generation, generation + 1, __ATOMIC_RELEASE);
    return;
  }
  for (int spins = 0; __atomic_load_n(&barrier->generation, __ATOMIC_ACQUIRE) == generation; spins++)
    if (spins < 4000) pause_core();
    else yield_core();
}

// The batch's images as numbers, and what else a forward pass needs.
static void prepare(const Work *work, const Job *job, int64_t begin) {
  Network *net = work->net;
  const Map *in = &net->maps[0];
  const Share mine = share(work, work->images * in->height);
  for (int unit = mine.begin; unit < mine.end; unit++) {
    const int n = unit / in->height, y = unit % in->height;
    const int64_t image = job->order ? job->order[begin + n] : begin + n;
    const uint8_t *bytes = job->images + (image * in->height + y) * in->width * in->channels;
    real *to = in->value + n * in->image + pixel(in, y, 0);
    const Layer *layer = &net->layers[0];
    if (!layer->by_windows) {
      for (int x = 0; x < in->width; x++, to += in->channels, bytes += in->channels)
        for (int c = 0; c < in->channels; c++) to[c] = net->scaled[c * 256 + bytes[c]];
      continue;
    }
    const int64_t plane = in->height * layer->plane_row;
    real *even = layer->planes + n * in->channels * plane + y * layer->plane_row;
    real *odd = even + layer->plane_row / 2;
    const int channels = in->channels, width = in->width;
    for (int c = 0; c < channels; c++, even += plane, odd += plane) {
      const real *scaled = net->scaled + c * 256;
      const uint8_t *from = bytes + c;
      real *pixels = to + c;
      int x = 0;
      for (; x + 1 < width; x += 2, from += 2 * channels, pixels += 2 * channels) {
        const real one = scaled[from[0]], other = scaled[from[channels]];
        pixels[0] = one, pixels[channels] = other;
        even[x / 2] = one, odd[x / 2] = other;
      }
      if (x < width) pixels[0] = even[x / 2] = scaled[from[0]];
    }
  }
  for (int l = 0, dropouts = 0; l < net->config.layer_count; l++) {
    Layer *layer = &net->layers[l];
    const Map *out = &net->maps[layer->shape.out];
    if (work->training && layer->shape.kind == CONV_POOL && layer->shape.in != 0)
      turn_weights(work, layer);
    if (out->scale == 0 || layer->shape.kind != LINEAR) continue;
    const Share masks = share(work, work->dropout ? work->images : 0);
    for (int n = masks.begin; n < masks.end; n++)
      fill_kept(job->seed, job->purpose, job->epoch, (uint32_t)dropouts, layer->shape.dropout,
                (uint64_t)(job->first + begin + n) * (uint64_t)out->channels, out->channels,
                out->kept + n * (out->channels + LANES));
    dropouts++;
  }
}

static void forward(Work *work) {
  for (int l = 0; l < work->net->config.layer_count; l++) {
    Layer *layer = &work->net->layers[l];
    switch (layer->shape.kind) {
      case CONV_POOL:
        if (layer->by_windows) forward_by_windows(work, layer);
        else forward_conv_pool(work, layer);
        break;
      case CONV: case LINEAR: forward_dense(work, layer); break;
      case NORM: forward_norm(work, layer); break;
      case MAX_POOL: forward_max_pool(work, layer); break;
    }
    meet(work);
  }
}

// e to the logits, less their largest, of one image; returns their sum over the classes in order.
ALWAYS real exponentials(const real *z, int classes, real *largest, v16 *e) {
  real sum = 0;
  *largest = z[0];
  for (int c = 1; c < classes; c++) *largest = z[c] > *largest ? z[c] : *largest;
  *e = all16(0);
  for (int c = 0; c < classes; c++) (*e)[c] = z[c] - *largest;
  *e = exp16(*e);
  for (int c = 0; c < classes; c++) sum = sum + (*e)[c];
  return sum;
}

// Cross-entropy of one image: log(sum of e^(z - largest)) - (z_label - largest).
ALWAYS real cross_entropy(const real *z, int label, real largest, real sum) {
  return log_of(sum) - (z[label] - largest);
}

// Of each image of the batch, and the gradient: (e / sum - [is the label]) / images.
static void losses(const Work *work, const Job *job, int64_t begin) {
  Network *net = work->net;
  const Map *out = &net->maps[net->config.map_count - 1];
  const Share mine = share(work, work->images);
  for (int n = mine.begin; n < mine.end; n++) {
    const real *z = out->value + n * out->image;
    real *g = out->gradient + n * out->image;
    const int label = job->labels[job->order ? job->order[begin + n] : begin + n];
    real largest;
    v16 e;
    const real sum = exponentials(z, out->channels, &largest, &e);
    net->losses[n] = cross_entropy(z, label, largest, sum);
    for (int c = 0; c < out->channels; c++)
      g[c] = (e[c] / sum - (c == label ? (real)1 : (real)0)) / (real)work->images;
  }
}

// From the last layer to the first. A layer's weights are updated while the layer before it is at
// work, for its own input gradient needs them as they were.
static void backward(Work *work) {
  Network *net = work->net;
  Layer *behind = NULL;
  for (int l = net->config.layer_count - 1; l >= -1; l--) {
    Layer *layer = l < 0 ? NULL : &net->layers[l];
    if (layer && layer->shape.kind == CONV_POOL) {
      if (layer->shape.in != 0) backward_conv_pool_inputs(work, layer);
      backward_conv_pool_weights(work, layer);
    } else if (layer && layer->shape.kind == NORM) backward_norm(work, layer);
    else if (layer && layer->shape.kind == MAX_POOL) backward_max_pool(work, layer);
    else if (layer && layer->shape.in != 0) backward_dense(work, layer);
    if (behind && behind->shape.kind == CONV_POOL) update_conv_pool(work, behind);
    else if (behind && (behind->shape.kind == CONV || behind->shape.kind == LINEAR))
      update_dense(work, behind);
    meet(work);
    behind = layer;
  }
}

static Work begin_work(Network *net, const Job *job, int thread, int training) {
  return (Work){net, thread, job->threads, 0, training, training || job->by_batch, job->dropout};
}

EXPORT int64_t repro_size(const Config *config) {
  // A network of nothing but zeros, which only counts.
  static Network counted;
  static const Network nothing;
  counted = nothing;
  counted.config = *config;
  Arena arena = {NULL, 0};
  take(&arena, sizeof(Network));
  return lay_out(&counted, &arena);
}

// Makes a network in `memory`: zeros, `repro_size` bytes, on a boundary of 64.
EXPORT Network *repro_create(const Config *config, void *memory) {
  Network *net = memory;
  Arena arena = {memory, 0};
  take(&arena, sizeof(Network));
  net->config = *config;
  lay_out(net, &arena);
  fill_scales(net);
  net->beta1_power = net->beta2_power = 1;
  return net;
}

// Changes where the bits of any result do.
EXPORT int32_t repro_version(void) { return 1; }

// The digest of the C files, given by the build: so that a library of other files is noticed.
#ifndef REPRO_SOURCE
#define REPRO_SOURCE 0u
#endif
EXPORT uint32_t repro_source(void) { return REPRO_SOURCE; }
EXPORT int64_t repro_flat_count(const Network *net) { return net->flat_count; }
EXPORT int32_t repro_moments(const Network *net) { return !!net->moments[0] + !!net->moments[1]; }

// One plane from (out = 0) or to torch's layout, see `transfer`.
EXPORT void repro_transfer(Network *net, real *theirs, int32_t plane, int32_t out) {
  transfer(net, theirs, plane, out);
}

// Steps taken so far, which Adam corrects its moments by.
EXPORT void repro_set_steps(Network *net, int64_t steps) {
  net->beta1_power = net->beta2_power = 1;
  for (int64_t i = 0; i < steps; i++) net->beta1_power *= 0.9, net->beta2_power *= 0.999;
}

// Trains on `count` images in batches; every one of `threads` threads calls it.
EXPORT void repro_train(Network *net, const Job *job, int32_t thread) {
  const Mode mode = enter_mode();
  Work work = begin_work(net, job, thread, 1);
  for (int64_t begin = 0, step = 0; begin < job->count; begin += job->batch, step++) {
    const int64_t rest = job->count - begin;
    work.images = rest < job->batch ? (int)rest : job->batch;
    if (thread == 0) {
      net->beta1_power *= 0.9, net->beta2_power *= 0.999;
      net->step_size = (real)(net->config.learning_rate / (1 - net->beta1_power));
      net->root_correction = (real)__builtin_sqrt(1 - net->beta2_power);
    }
    prepare(&work, job, begin);
    meet(&work);
    forward(&work);
    losses(&work, job, begin);
    meet(&work);
    if (thread == 0) {
      real sum = 0;
      for (int n = 0; n < work.images; n++) sum = sum + net->losses[n];
      job->losses[step] = sum / (real)work.images;
    }
    backward(&work);
  }
  leave_mode(mode);
}

// Logits of `count` images; every one of `threads` threads calls it.
EXPORT void repro_predict(Network *net, const Job *job, int32_t thread) {
  const Mode mode = enter_mode();
  Work work = begin_work(net, job, thread, 0);
  const Map *out = &net->maps[net->config.map_count - 1];
  for (int64_t begin = 0; begin < job->count; begin += job->batch) {
    const int64_t rest = job->count - begin;
    work.images = rest < job->batch ? (int)rest : job->batch;
    prepare(&work, job, begin);
    meet(&work);
    forward(&work);
    const Share mine = share(&work, work.images);
    for (int n = mine.begin; n < mine.end; n++)
      for (int c = 0; c < out->channels; c++)
        job->logits[(begin + n) * out->channels + c] = out->value[n * out->image + c];
    meet(&work);
  }
  leave_mode(mode);
}

// Cross-entropy of `count` images by their logits (count, classes), and what the softmax gives the
// likeliest class.
EXPORT void repro_judge(const real *logits, const uint8_t *labels, int64_t count, int32_t classes,
                        real *losses_, real *confidences) {
  const Mode mode = enter_mode();
  for (int64_t n = 0; n < count; n++) {
    const real *z = logits + n * classes;
    real largest;
    v16 e;
    const real sum = exponentials(z, classes, &largest, &e);
    losses_[n] = cross_entropy(z, labels[n], largest, sum);
    confidences[n] = 1 / sum;  // e^0
  }
  leave_mode(mode);
}

// `count` words of a random stream, see random.h.
EXPORT void repro_words(uint64_t seed, uint32_t purpose, uint32_t epoch, uint32_t layer,
                        uint64_t start, int64_t count, uint32_t *to) {
  for (int64_t i = 0; i < count; i++) to[i] = word(seed, purpose, epoch, layer, start + (uint64_t)i);
}
