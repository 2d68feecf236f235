// The networks of the report on a GPU, to the bits of c/specification.c.
//
// A thread computes whole outputs, each by the chain of fused multiply-adds that the specification
// writes down; no sum is split, and no thread waits for another. So neither the card nor the number
// of runs that are trained together can change a bit. A thread has a tile of outputs, of which each
// number that it loads serves several: that is all that makes it fast.
//
// Many runs ("replicas") are trained at once: blockIdx.y says which one. Each has its own memory of
// `stride` bytes, and everything in it lies where it does for the first.
//
// forward.cu and backward.cu follow this text, and then the entries that plan.py writes: their
// functions for the shapes of one network. Compiled as C++ all of it runs on a CPU, thread after
// thread: so the tests hold it to the specification without a GPU.
#ifdef __CUDACC__
#define DEVICE static __device__ __forceinline__
#define ENTRY(name) extern "C" __global__ void __launch_bounds__(THREADS_OF_BLOCK) name(const Args a)
#define PRAGMA(text) _Pragma(#text)
#define UNROLL PRAGMA(unroll)
#define UNROLL_BY(n) PRAGMA(unroll n)
#define THREAD ((int)(blockIdx.x * THREADS_OF_BLOCK + threadIdx.x))
#define REPLICA ((int)blockIdx.y)
DEVICE float fused(float a, float b, float c) { return __fmaf_rn(a, b, c); }
DEVICE float root_of(float x) { return __fsqrt_rn(x); }
DEVICE float bits_as_float(int x) { return __int_as_float(x); }
DEVICE int float_as_bits(float x) { return __float_as_int(x); }
#else
#define DEVICE static inline __attribute__((always_inline))
#define ENTRY(name) extern "C" void name(const Args &a)
#define UNROLL
#define UNROLL_BY(n)
static thread_local int THREAD, REPLICA;
DEVICE float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
DEVICE float root_of(float x) { return __builtin_sqrtf(x); }
DEVICE float bits_as_float(int x) { return __builtin_bit_cast(float, x); }
DEVICE int float_as_bits(float x) { return __builtin_bit_cast(int, x); }
#endif
#define THREADS_OF_BLOCK 128
#define INFINITE bits_as_float(0x7f800000)
#define QUIET_NAN bits_as_float(0x7fc00000)

typedef unsigned char Byte;
typedef unsigned int Word;
typedef unsigned long long Long;

enum { IDENTITY, RELU, LEAKY_RELU, SWISH, SIGMOID };
enum { SGD, ADAM };

// What differs from run to run. The same structs stand in plan.py.
struct Replica {
  Long seed;
  const Byte *pictures;         // that it trains on
  float learning_rate, momentum;
  float mean[3], deviation[3];
  int scaled;
  signed char activations[64];  // by layer
};

// Where a run is in its epoch; in its memory.
struct Clock { int step; Word epoch; };

// One output through which maximum and activation let a gradient pass: where its window of the input
// begins, and the gradient.
struct Open { int at; float gradient; };

// What an entry is called with. Addresses are those of the first run's memory.
struct Args {
  long long stride;
  const Replica *replicas;
  Clock *clock;
  const Byte *pictures;             // where others than those of training are predicted
  const Byte *labels;               // of the pictures of training
  const int *order;                 // (runs, count): which pictures, or NULL for all in turn
  const float *corrections;         // Adam's, (steps, runs, 2): step size, root
  float *losses, *logits;           // (runs, steps), (runs, count, classes)
  float *flat;                      // (runs, flat_count): weights as torch has them
  long long flat_count, flat_start;
  int count, batch, images;         // of all pictures, of a whole step, of this step
  int runs, steps;
  int training, dropout, by_batch;
  int purpose, dropout_layer;
  int layer, in_layer;              // numbers: where activations are looked up; -1 for none
  int adds, add_adds;               // whether the gradient of `in`, of `add` is there already
  int optimiser, plane, outwards, step, epoch;
  float scale, in_scale;            // of dropout; 0 without
  Long least;                       // dropout keeps where a word is at least this
  float *in, *in_gradient, *in_before, *out, *out_gradient, *before, *add, *add_gradient;
  signed char *from;
  Open *open;                       // (images, out channels, LISTED): see list_open
  int *counts;                      // (images, out channels): how many are listed
  Byte *kept, *in_kept;
  float *weights, *turned, *bias;   // (tap, in, out), (tap, out, in), (out)
  long long moment;                 // numbers from a parameter to its moment
  float *norm;                      // (6, channels): see forward_norm_statistics
};

template <class T> DEVICE T *mine(const Args &a, T *of_first) {
  return (T *)((char *)of_first + a.stride * REPLICA);
}
DEVICE constexpr int round4(int n) { return (n + 3) / 4 * 4; }
DEVICE constexpr int parts(int n, int size) { return (n + size - 1) / size; }

// Four numbers that lie on a boundary of 16 bytes.
struct alignas(16) Four { float a, b, c, d; };
DEVICE void load4(float *to, const float *from) {
  const Four four = *(const Four *)from;
  to[0] = four.a, to[1] = four.b, to[2] = four.c, to[3] = four.d;
}
DEVICE void store4(float *to, const float *from) {
  *(Four *)to = Four{from[0], from[1], from[2], from[3]};
}

// ---- numbers: as c/vector.h ----

DEVICE float exponential(float x) {
  const float low = -87.4f, high = 88.8f, magic = 12582912.0f;
  const float in = x < low ? low : x > high ? high : x;
  const float n = fused(in, 1.44269504f, magic) - magic;
  const float r = fused(n, 2.12194440e-4f, fused(n, -0.693359375f, in));
  float y = 1.9875691500e-4f;
  y = fused(y, r, 1.3981999507e-3f);
  y = fused(y, r, 8.3334519073e-3f);
  y = fused(y, r, 4.1665795894e-2f);
  y = fused(y, r, 1.6666665459e-1f);
  y = fused(y, r, 5.0000001201e-1f);
  y = fused(y, r * r, r) + 1.0f;
  const int whole = n == n ? (int)n : 0;
  const int first = whole >> 1, second = whole - first;
  y = y * bits_as_float((first + 127) << 23) * bits_as_float((second + 127) << 23);
  if (x < low) y = 0.0f;
  if (x > high) y = INFINITE;
  return x == x ? y : x;
}

DEVICE float log_of(float x) {
  if (!(x < INFINITE)) return x;
  int bits = float_as_bits(x), exponent = (bits >> 23) - 126;
  float m = bits_as_float((bits & 0x007fffff) | 0x3f000000);
  if (m < 0.707106781f) { exponent--; m = m + m; }
  const float r = m - 1.0f, z = r * r, n = (float)exponent;
  float y = 7.0376836292e-2f;
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

DEVICE float activated(float x, int activation) {
  if (activation == RELU) return x <= 0 ? 0 : x;
  if (activation == LEAKY_RELU) return x > 0 ? x : x * 0.01f;
  if (activation == SWISH) return x / (exponential(-x) + 1);
  if (activation == SIGMOID) return 1 / (exponential(-x) + 1);
  return x;
}

DEVICE float derivative(float in, float out, int activation) {
  if (activation == RELU) return out > 0 ? 1 : 0;
  if (activation == LEAKY_RELU) return out > 0 ? 1 : 0.01f;
  if (activation == SWISH) {
    const float sigmoid = 1 / (exponential(-in) + 1);
    return sigmoid * fused(in, 1 - sigmoid, 1);
  }
  if (activation == SIGMOID) return out * (1 - out);
  return 1;
}

DEVICE bool is_larger(float candidate, float than) {
  return candidate > than || candidate != candidate;
}

// Word number `at` of a random stream: as c/random.h.
DEVICE Word random_word(Long seed, Word purpose, Word epoch, Word layer, Long at) {
  Word c[4] = {(Word)(at / 4), layer, epoch, purpose}, key0 = (Word)seed, key1 = (Word)(seed >> 32);
  for (int round = 0; round < 10; round++) {
    const Long one = (Long)0xD2511F53u * c[0], other = (Long)0xCD9E8D57u * c[2];
    const Word x = (Word)(other >> 32) ^ c[1] ^ key0, y = (Word)(one >> 32) ^ c[3] ^ key1;
    c[0] = x, c[1] = (Word)other, c[2] = y, c[3] = (Word)one;
    key0 += 0x9E3779B9u, key1 += 0xBB67AE85u;
  }
  const int i = (int)(at % 4);
  return i == 0 ? c[0] : i == 1 ? c[1] : i == 2 ? c[2] : c[3];
}

// ---- shapes ----

// A layer: its input (H, W, C), its kernel and what it computes (OH, OW, O). Of a pooled convolution
// the latter is what is left after the maximum. A linear layer has a kernel as large as its input.
// Maps lie as (image, row, column, channel), channels filled up to a multiple of four, with a border
// of zeros, IB and OB pixels wide, where a convolution wants one.
template <int H_, int W_, int C_, int KH_, int KW_, int S_, int P_, int OH_, int OW_, int O_, int IB_,
          int OB_>
struct Shape {
  static const int H = H_, W = W_, C = C_, KH = KH_, KW = KW_, S = S_, P = P_, OH = OH_, OW = OW_,
                   O = O_, IB = IB_, OB = OB_;
  static const int C4 = (C_ + 3) / 4 * 4, O4 = (O_ + 3) / 4 * 4, TAPS = KH_ * KW_;
  static const int IN_ROW = (W_ + 2 * IB_) * C4, OUT_ROW = (OW_ + 2 * OB_) * O4;
  static const int IN = (H_ + 2 * IB_) * IN_ROW, OUT = (OH_ + 2 * OB_) * OUT_ROW;  // of an image
  static const int LISTED = (OH_ * OW_ + 31) / 32 * 32;
  // A linear layer, and one whose inputs lie side by side without a gap.
  static const bool WHOLE = OH_ == 1 && OW_ == 1 && S_ == 1 && P_ == 0 && KH_ == H_ && KW_ == W_;
  static const bool FLAT = WHOLE && C_ % 4 == 0 && IB_ == 0;
  static const int TURNED_ROW = FLAT ? IN : C4;
  DEVICE int in_at(int y, int x) { return (y + IB) * IN_ROW + (x + IB) * C4; }
  DEVICE int out_at(int y, int x) { return (y + OB) * OUT_ROW + (x + OB) * O4; }
  // Where the weights lie by output, so that the input's gradients find theirs side by side.
  DEVICE int turned_at(int tap, int o, int c) {
    return FLAT ? o * IN + tap * C4 + c : (tap * O + o) * C4 + c;
  }
};
