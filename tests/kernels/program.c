// The kernels as a program, for CPUs and systems that this Python does not run on: reads a network,
// weights, images and an order from standard input, trains, and writes the losses and weights.
#include "kernels.c"

#include <stdio.h>
#include <stdlib.h>
#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#endif

static void take_all(void *to, size_t bytes) {
  if (fread(to, 1, bytes, stdin) != bytes) exit(2);
}

int main(void) {
#ifdef _WIN32
  _setmode(_fileno(stdin), _O_BINARY);
  _setmode(_fileno(stdout), _O_BINARY);
#endif
  int64_t head[4];  // batch, images, images of the order, seed
  static Config config;
  take_all(head, sizeof head);
  take_all(&config, sizeof config);
  const int64_t pixels = (int64_t)config.maps[0].height * config.maps[0].width *
                         config.maps[0].channels;
  uint8_t *images = malloc((size_t)(head[1] * pixels)), *labels = malloc((size_t)head[1]);
  int64_t *order = malloc((size_t)head[2] * 8);
  const int64_t size = repro_size(&config);
  char *memory = calloc((size_t)size + 64, 1);
  memory += 64 - (uintptr_t)memory % 64;
  Network *net = repro_create(&config, memory);
  const size_t flat = (size_t)repro_flat_count(net) * sizeof(real);
  const int64_t steps = (head[2] + head[0] - 1) / head[0];
  real *weights = malloc(flat), *step_losses = malloc((size_t)steps * sizeof(real));
  take_all(weights, flat);
  take_all(images, (size_t)(head[1] * pixels));
  take_all(labels, (size_t)head[1]);
  take_all(order, (size_t)head[2] * 8);
  repro_transfer(net, weights, 0, 0);
  Job job = {.images = images, .labels = labels, .order = order, .count = head[2],
             .seed = (uint64_t)head[3], .epoch = 1, .purpose = 3, .batch = (int32_t)head[0],
             .dropout = 1, .threads = 1, .losses = step_losses};
  repro_train(net, &job, 0);
  repro_transfer(net, weights, 0, 1);
  fwrite(step_losses, sizeof(real), (size_t)steps, stdout);
  fwrite(weights, 1, flat, stdout);
  return fflush(stdout) ? 3 : 0;
}
