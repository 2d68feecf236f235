// Random words from a counter: Philox 4x32-10 (Salmon et al. 2011), the twin of repro/streams.py.
//
// Word i of a stream is word i % 4 of the block whose counter is (i / 4, layer, epoch, purpose) and
// whose key is the seed, so that any part of a stream is there without what comes before it.
#ifndef REPRO_RANDOM_H
#define REPRO_RANDOM_H

#include "vector.h"

ALWAYS void philox(uint32_t counter[4], uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; round++) {
    const uint64_t one = (uint64_t)0xD2511F53u * counter[0];
    const uint64_t other = (uint64_t)0xCD9E8D57u * counter[2];
    const uint32_t a = (uint32_t)(other >> 32) ^ counter[1] ^ key0;
    const uint32_t b = (uint32_t)(one >> 32) ^ counter[3] ^ key1;
    counter[0] = a, counter[1] = (uint32_t)other, counter[2] = b, counter[3] = (uint32_t)one;
    key0 += 0x9E3779B9u, key1 += 0xBB67AE85u;
  }
}

static uint32_t word(uint64_t seed, uint32_t purpose, uint32_t epoch, uint32_t layer, uint64_t at) {
  uint32_t block[4] = {(uint32_t)(at / 4), layer, epoch, purpose};
  philox(block, (uint32_t)seed, (uint32_t)(seed >> 32));
  return block[at % 4];
}

// Dropout's mask of `count` outputs from word `start` on, a multiple of 4 or not: 1 where the word
// is at least p 2^32.
static void fill_kept(uint64_t seed, uint32_t purpose, uint32_t epoch, uint32_t layer, double p,
                      uint64_t start, int count, uint8_t *kept) {
  const uint64_t least = (uint64_t)(p * 4294967296.0 + 0.5);
  for (int i = 0; i < count;) {
    const uint64_t at = start + (uint64_t)i;
    uint32_t block[4] = {(uint32_t)(at / 4), layer, epoch, purpose};
    philox(block, (uint32_t)seed, (uint32_t)(seed >> 32));
    for (uint64_t w = at % 4; w < 4 && i < count; w++, i++) kept[i] = block[w] >= least;
  }
}
#endif
