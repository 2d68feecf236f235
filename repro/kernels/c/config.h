// A network as a table of layers over maps of activations.
//
// The tables of the report's networks are in ../networks.py. Here are the kinds of layer:
//   CONV_POOL  convolution with bias, maximum of 2x2 windows, activation
//   CONV       convolution without bias
//   NORM       batch norm, plus another map where there is one, activation
//   MAX_POOL   maximum of 3x3 windows, every second pixel, padding 1
//   LINEAR     linear layer with bias, activation, dropout
#ifndef REPRO_CONFIG_H
#define REPRO_CONFIG_H

#include <stddef.h>

#include "vector.h"

enum { CONV_POOL, CONV, NORM, MAX_POOL, LINEAR };
enum { SGD, ADAM };
#define MAX_LAYERS 64
#define MAX_MAPS 64

typedef struct {
  int32_t height, width, channels;
} MapShape;

typedef struct {
  int32_t kind, in, out, add;  // maps; add is -1 where there is none
  int32_t kernel, stride, padding, activation;
  double dropout;  // share of outputs that are dropped
} LayerShape;

// What the caller decides. The same struct stands in ../binding.py.
typedef struct {
  int32_t map_count, layer_count;
  MapShape maps[MAX_MAPS];  // the first is the input, the last the logits
  LayerShape layers[MAX_LAYERS];
  int32_t batch;    // images of a step, at most
  int32_t threads;  // at most
  int32_t optimiser;
  double learning_rate, momentum;
  double mean[3], deviation[3];
  int32_t scaled;  // whether mean and deviation apply; bytes go to [0, 1] before
} Config;
#endif
