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
// plan.py writes the entries that follow this text: the functions below for the shapes of
// one network. Compiled as C++ they run on a CPU, thread after thread: so the tests hold them to
// the specification without a GPU.
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

// ---- a batch ----

// The picture that is number n of this batch.
DEVICE int picture(const Args &a, int n) {
  const int at = mine(a, a.clock)->step * a.batch + n;
  return a.order ? a.order[(long long)a.count * REPLICA + at] : at;
}

// A pixel a thread: bytes as numbers.
template <int H, int W, int C, int B> DEVICE void read_pictures(const Args &a) {
  const int n = THREAD / (H * W), pixel = THREAD % (H * W);
  if (n >= a.images) return;
  const Replica &r = a.replicas[REPLICA];
  const Byte *bytes = (a.pictures ? a.pictures : r.pictures) + ((long long)picture(a, n) * (H * W) + pixel) * C;
  const int rows = H + 2 * B, columns = W + 2 * B;
  float *to = mine(a, a.in) +
              ((n * rows + pixel / W + B) * columns + pixel % W + B) * round4(C);
  for (int c = 0; c < C; c++) {
    float x = (float)bytes[c] / 255.0f;
    if (r.scaled) x = (x - r.mean[c]) / r.deviation[c];
    to[c] = x;
  }
}

// An image a thread: cross-entropy and its gradient.
template <int O> DEVICE void lose(const Args &a) {
  const int n = THREAD;
  if (n >= a.images) return;
  const float *z = mine(a, a.out) + n * round4(O);
  float *g = mine(a, a.out_gradient) + n * round4(O);
  const int label = a.labels[picture(a, n)];
  float largest = z[0], sum = 0;
  for (int c = 1; c < O; c++) largest = z[c] > largest ? z[c] : largest;
  for (int c = 0; c < O; c++) sum = sum + exponential(z[c] - largest);
  mine(a, a.norm)[n] = log_of(sum) - (z[label] - largest);
  for (int c = 0; c < O; c++)
    g[c] = (exponential(z[c] - largest) / sum - (c == label ? 1.0f : 0.0f)) / (float)a.images;
}

// The batch's loss, and on to the next one.
DEVICE void advance(const Args &a) {
  if (THREAD != 0) return;
  Clock *clock = mine(a, a.clock);
  if (a.training) {
    float sum = 0;
    for (int n = 0; n < a.images; n++) sum = sum + mine(a, a.norm)[n];
    a.losses[(long long)a.steps * REPLICA + clock->step] = sum / (float)a.images;
  }
  clock->step++;
}

DEVICE void set_clock(const Args &a) {
  if (THREAD != 0) return;
  mine(a, a.clock)->step = a.step, mine(a, a.clock)->epoch = (Word)a.epoch;
}

template <int O> DEVICE void copy_logits(const Args &a) {
  const int n = THREAD / O, c = THREAD % O;
  if (n >= a.images) return;
  const long long at = (long long)mine(a, a.clock)->step * a.batch + n;
  a.logits[((long long)a.count * REPLICA + at) * O + c] = mine(a, a.out)[n * round4(O) + c];
}

// ---- forward ----

DEVICE int activation_of(const Args &a, int layer) {
  return layer < 0 ? IDENTITY : a.replicas[REPLICA].activations[layer];
}

// Adds a tap's products to the sums of four outputs of N images, input channel after channel; the next
// numbers are on their way meanwhile.
template <int N, int C> DEVICE void add_products(float (&sum)[N][4], const float *const (&x)[N],
                                                 const float *w, int w_row) {
  const int AHEAD = N > 2 || C <= 4 ? 4 : 8;
  float next_in[AHEAD / 4][N][4], next_weight[AHEAD][4];
  const auto load = [&](int c) {
    UNROLL for (int k = 0; k < AHEAD; k += 4)
      UNROLL for (int i = 0; i < N; i++)
        if (c + k < C) load4(next_in[k / 4][i], x[i] + c + k);
    UNROLL for (int k = 0; k < AHEAD; k++) if (c + k < C) load4(next_weight[k], w + (c + k) * w_row);
  };
  load(0);
  for (int c = 0; c < C; c += AHEAD) {
    float in[AHEAD / 4][N][4], weight[AHEAD][4];
    UNROLL for (int k = 0; k < AHEAD; k++) {
      UNROLL for (int i = 0; i < N; i++) in[k / 4][i][k % 4] = next_in[k / 4][i][k % 4];
      UNROLL for (int o = 0; o < 4; o++) weight[k][o] = next_weight[k][o];
    }
    if (c + AHEAD < C) load(c + AHEAD);
    UNROLL for (int k = 0; k < AHEAD; k++)
      if (c + k < C)
        UNROLL for (int i = 0; i < N; i++)
          UNROLL for (int o = 0; o < 4; o++)
            sum[i][o] = fused(in[k / 4][i][k % 4], weight[k][o], sum[i][o]);
  }
}

// What a linear layer makes of a sum: activation and dropout. `at` is the place in the map.
DEVICE float finished(const Args &a, int image, int outputs, int o, int at, float sum) {
  if (a.training) mine(a, a.before)[at] = sum;
  const float made = activated(sum, activation_of(a, a.layer));
  if (a.scale == 0 || !a.dropout) return made;
  const Clock *clock = mine(a, a.clock);
  const Long n = (Long)clock->step * a.batch + image;
  const bool kept = random_word(a.replicas[REPLICA].seed, (Word)a.purpose, clock->epoch,
                                (Word)a.dropout_layer, n * outputs + o) >= a.least;
  mine(a, a.kept)[at] = kept;
  return kept ? made * a.scale : 0.0f;
}

// A convolution without, or a linear layer with bias: a thread has four outputs of N images.
template <class S, int N, bool BIAS> DEVICE void forward(const Args &a) {
  const int groups = S::O4 / 4, o = THREAD % groups * 4;
  const int pixel = THREAD / groups % (S::OH * S::OW), first = THREAD / groups / (S::OH * S::OW) * N;
  if (first >= a.images) return;
  const int oy = pixel / S::OW, ox = pixel % S::OW;
  const float *x = mine(a, a.in), *w = mine(a, a.weights) + o;
  float sum[N][4];
  UNROLL for (int i = 0; i < N; i++)
    UNROLL for (int j = 0; j < 4; j++) sum[i][j] = BIAS ? mine(a, a.bias)[o + j] : 0.0f;
  for (int ky = 0; ky < S::KH; ky++)
    for (int kx = 0; kx < S::KW; kx++) {
      const int y = oy * S::S - S::P + ky, xx = ox * S::S - S::P + kx;
      if (S::P > 0 && (y < 0 || xx < 0 || y >= S::H || xx >= S::W)) continue;
      const float *from[N];
      UNROLL for (int i = 0; i < N; i++)
        from[i] = x + (first + i < a.images ? first + i : first) * S::IN + S::in_at(y, xx);
      add_products<N, S::C>(sum, from, w + (ky * S::KW + kx) * S::C * S::O4, S::O4);
    }
  UNROLL for (int i = 0; i < N; i++) {
    if (first + i >= a.images) break;
    const int at = (first + i) * S::OUT + S::out_at(oy, ox) + o;
    if (BIAS)
      UNROLL for (int j = 0; j < 4; j++) sum[i][j] = finished(a, first + i, S::O, o + j, at + j, sum[i][j]);
    store4(mine(a, a.out) + at, sum[i]);
  }
}

// Adds products to the sums of N images of one output: inputs x, N rows IN numbers apart, times
// weights that lie ROW numbers apart, in turn. The weights of the next products are on their way
// meanwhile, for they come from afar.
template <int N, int K, int IN, int ROW>
DEVICE void add_long_products(float (&sum)[N], const float *const (&x)[N], const float *w) {
  const int AHEAD = 32;
  float next[AHEAD];
  UNROLL for (int i = 0; i < AHEAD; i++) next[i] = i < K ? w[i * ROW] : 0.0f;
  for (int k = 0; k < K; k += AHEAD) {
    float now[AHEAD];
    UNROLL for (int i = 0; i < AHEAD; i++) now[i] = next[i];
    UNROLL for (int i = 0; i < AHEAD; i++)
      if (k + AHEAD + i < K) next[i] = w[(k + AHEAD + i) * ROW];
    UNROLL for (int i = 0; i < AHEAD; i += 4)
      UNROLL for (int n = 0; n < N; n++) {
        float in[4];
        load4(in, x[n] + (k + i < IN ? k + i : 0));
        UNROLL for (int j = 0; j < 4; j++)
          if (k + i + j < K) sum[n] = fused(in[j], now[i + j], sum[n]);
      }
  }
}

// A linear layer whose inputs lie side by side: a thread has one output of N images.
template <class S, int N> DEVICE void forward_flat(const Args &a) {
  const int o = THREAD % S::O4, first = THREAD / S::O4 * N;
  if (first >= a.images) return;
  const float *x[N];
  float sum[N];
  UNROLL for (int i = 0; i < N; i++) {
    x[i] = mine(a, a.in) + (first + i < a.images ? first + i : first) * S::IN;
    sum[i] = mine(a, a.bias)[o];
  }
  add_long_products<N, S::IN, S::IN, S::O4>(sum, x, mine(a, a.weights) + o);
  UNROLL for (int i = 0; i < N; i++) {
    if (first + i >= a.images) break;
    const int at = (first + i) * S::OUT + o;
    mine(a, a.out)[at] = finished(a, first + i, S::O, o, at, sum[i]);
  }
}

// A convolution with bias, the maximum of 2x2 windows and activation: a thread has one window of four
// channels of N images.
template <class S, int N> DEVICE void forward_pooled(const Args &a) {
  const int groups = S::O4 / 4, o = THREAD % groups * 4;
  const int pixel = THREAD / groups % (S::OH * S::OW), first = THREAD / groups / (S::OH * S::OW) * N;
  if (first >= a.images) return;
  const int py = pixel / S::OW, px = pixel % S::OW;
  const float *x = mine(a, a.in), *w = mine(a, a.weights) + o;
  float sum[4 * N][4];
  UNROLL for (int i = 0; i < 4 * N; i++)
    UNROLL for (int j = 0; j < 4; j++) sum[i][j] = mine(a, a.bias)[o + j];
  for (int ky = 0; ky < S::KH; ky++)
    for (int kx = 0; kx < S::KW; kx++) {
      const float *from[4 * N], *weights = w + (ky * S::KW + kx) * S::C * S::O4;
      bool inside[4];
      UNROLL for (int q = 0; q < 4; q++) {
        const int y = 2 * py + q / 2 - S::P + ky, xx = 2 * px + q % 2 - S::P + kx;
        inside[q] = S::P == 0 || (y >= 0 && xx >= 0 && y < S::H && xx < S::W);
        UNROLL for (int i = 0; i < N; i++)
          from[q * N + i] = x + (first + i < a.images ? first + i : first) * S::IN +
                            (inside[q] ? S::in_at(y, xx) : 0);
      }
      if (S::P == 0 || (inside[0] && inside[1] && inside[2] && inside[3])) {
        add_products<4 * N, S::C>(sum, from, weights, S::O4);
        continue;
      }
      for (int c = 0; c < S::C; c++) {  // at the border
        float weight[4];
        load4(weight, weights + c * S::O4);
        UNROLL for (int q = 0; q < 4; q++)
          if (inside[q])
            UNROLL for (int i = 0; i < N; i++)
              UNROLL for (int j = 0; j < 4; j++)
                sum[q * N + i][j] = fused(from[q * N + i][c], weight[j], sum[q * N + i][j]);
      }
    }
  const int activation = activation_of(a, a.layer);
  UNROLL for (int i = 0; i < N; i++) {
    if (first + i >= a.images) break;
    const int at = (first + i) * S::OUT + S::out_at(py, px) + o;
    UNROLL for (int j = 0; j < 4; j++) {
      // All but Swish fall nowhere: they are applied to the maximum alone.
      const bool swish = activation == SWISH;
      float before = sum[i][j], best = swish ? activated(before, SWISH) : before;
      int which = 0;
      UNROLL for (int q = 1; q < 4; q++) {
        const float z = sum[q * N + i][j], now = swish ? activated(z, SWISH) : z;
        if (is_larger(now, best)) best = now, before = z, which = q;
      }
      mine(a, a.out)[at + j] = swish ? best : activated(best, activation);
      if (!a.training) continue;
      mine(a, a.before)[at + j] = before;
      mine(a, a.from)[at + j] = (signed char)which;
    }
  }
}

// A number a thread: the maximum of 3x3 windows, and where it was.
template <class S> DEVICE void forward_max_pool(const Args &a) {
  const int c = THREAD % S::O4, pixel = THREAD / S::O4 % (S::OH * S::OW);
  const int n = THREAD / S::O4 / (S::OH * S::OW);
  if (n >= a.images) return;
  const float *in = mine(a, a.in) + n * S::IN;
  int which = -1;
  float best = 0;
  for (int q = 0; q < 9; q++) {
    const int y = pixel / S::OW * 2 - 1 + q / 3, x = pixel % S::OW * 2 - 1 + q % 3;
    if (y < 0 || x < 0 || y >= S::H || x >= S::W) continue;
    const float z = in[S::in_at(y, x) + c];
    if (which < 0 || is_larger(z, best)) best = z, which = q;
  }
  const int at = n * S::OUT + S::out_at(pixel / S::OW, pixel % S::OW) + c;
  mine(a, a.out)[at] = best;
  if (a.training) mine(a, a.from)[at] = (signed char)which;
}

// Does `work` on number after number of M arrays, ROW apart, `count` of each. The next ones are on
// their way meanwhile.
template <int AHEAD, int ROW, int M, class Work>
DEVICE void in_turn(const float *const *arrays, int count, Work work) {
  float next[AHEAD][M];
  UNROLL for (int i = 0; i < AHEAD; i++)
    UNROLL for (int m = 0; m < M; m++) next[i][m] = i < count ? arrays[m][i * ROW] : 0.0f;
  for (int k = 0; k < count; k += AHEAD) {
    float now[AHEAD][M];
    UNROLL for (int i = 0; i < AHEAD; i++) UNROLL for (int m = 0; m < M; m++) now[i][m] = next[i][m];
    UNROLL for (int i = 0; i < AHEAD; i++)
      UNROLL for (int m = 0; m < M; m++)
        if (k + AHEAD + i < count) next[i][m] = arrays[m][(k + AHEAD + i) * ROW];
    UNROLL for (int i = 0; i < AHEAD; i++)
      if (k + i < count) work(now[i]);
  }
}

// `norm` holds, by channel: 0 running mean, 1 running variance, 2 mean, 3 1 / deviation, and for the
// way back 4 sum g / m, 5 sum(g d) / (deviation^2 m). A channel a thread.
template <class S> DEVICE void forward_norm_statistics(const Args &a) {
  const int c = THREAD, pixels = a.images * S::H * S::W;
  if (c >= S::C) return;
  float *norm = mine(a, a.norm) + c;
  const float *in = mine(a, a.in) + c, count = (float)pixels;
  float mean = norm[0], variance = norm[S::C4];
  if (a.by_batch) {
    float sum = 0, squares = 0;
    in_turn<64, S::C4, 1>(&in, pixels, [&](const float *x) { sum = sum + x[0]; });
    sum = sum / count;
    in_turn<64, S::C4, 1>(&in, pixels, [&](const float *x) {
      const float d = x[0] - sum;
      squares = fused(d, d, squares);
    });
    if (a.training) {
      norm[0] = fused(sum, 0.1f, mean * 0.9f);
      norm[S::C4] = fused(squares / (count - 1), 0.1f, variance * 0.9f);
    }
    mean = sum, variance = squares / count;
  }
  norm[2 * S::C4] = mean;
  norm[3 * S::C4] = 1 / root_of(variance + 1e-5f);
}

// A number a thread.
template <class S> DEVICE void forward_norm(const Args &a) {
  const int at = THREAD, c = at % S::C4;
  if (at >= a.images * S::IN || c >= S::C) return;
  const float *norm = mine(a, a.norm) + c;
  float z = fused(mine(a, a.in)[at] - norm[2 * S::C4], mine(a, a.weights)[c] * norm[3 * S::C4],
                  mine(a, a.bias)[c]);
  if (a.add) z = z + mine(a, a.add)[at];
  mine(a, a.out)[at] = activated(z, activation_of(a, a.layer));
}

// ---- backward ----

// How a run's parameters step along their gradients.
struct Stride { int optimiser; float rate, momentum, size, root; };

DEVICE Stride stride_of(const Args &a) {
  const Replica &r = a.replicas[REPLICA];
  Stride s = {a.optimiser, r.learning_rate, r.momentum, 0, 0};
  if (a.optimiser == ADAM) {
    const long long step = mine(a, a.clock)->step;
    s.size = a.corrections[(step * a.runs + REPLICA) * 2];
    s.root = a.corrections[(step * a.runs + REPLICA) * 2 + 1];
  }
  return s;
}

// COUNT parameters that lie side by side, along their gradients; `made` is what they become.
template <int COUNT>
DEVICE void step_along(const Args &a, const Stride &s, float *w, const float *gradient, float *made) {
  float one[COUNT], other[COUNT];
  const auto get = [](float *to, const float *from) {
    if (COUNT % 4) to[0] = from[0];
    else UNROLL for (int i = 0; i + 3 < COUNT; i += 4) load4(to + i, from + i);
  };
  const auto put = [](float *to, const float *from) {
    if (COUNT % 4) to[0] = from[0];
    else UNROLL for (int i = 0; i + 3 < COUNT; i += 4) store4(to + i, from + i);
  };
  get(made, w);
  if (s.optimiser == SGD && s.momentum == 0) {
    UNROLL for (int i = 0; i < COUNT; i++) made[i] = fused(-s.rate, gradient[i], made[i]);
  } else if (s.optimiser == SGD) {
    get(one, w + a.moment);
    UNROLL for (int i = 0; i < COUNT; i++) {
      one[i] = fused(s.momentum, one[i], gradient[i]);
      made[i] = fused(-s.rate, one[i], made[i]);
    }
    put(w + a.moment, one);
  } else {
    get(one, w + a.moment);
    get(other, w + 2 * a.moment);
    UNROLL for (int i = 0; i < COUNT; i++) {
      one[i] = fused((float)(1 - 0.9), gradient[i] - one[i], one[i]);
      other[i] = fused((float)(1 - 0.999) * gradient[i], gradient[i], other[i] * 0.999f);
      const float root = root_of(other[i]) / s.root + 1e-8f;
      made[i] = fused(-s.size, one[i] / root, made[i]);
    }
    put(w + a.moment, one);
    put(w + 2 * a.moment, other);
  }
  put(w, made);
}

DEVICE void step_one(const Args &a, float *w, float gradient) {
  float made[1];
  step_along<1>(a, stride_of(a), w, &gradient, made);
}

// A gradient of what `in` holds, made one of what its layer computed: through dropout and activation.
DEVICE float gated(const Args &a, int activation, int at, float gradient) {
  if (a.in_scale != 0 && a.dropout)
    gradient = mine(a, a.in_kept)[at] ? gradient * a.in_scale : 0.0f;
  if (activation == IDENTITY) return gradient;
  const float out = mine(a, a.in)[at];
  if (activation == RELU) return out > 0 ? gradient : 0.0f;
  return gradient * derivative(activation == SWISH ? mine(a, a.in_before)[at] : out, out, activation);
}

// The gradient of a dense layer's input: a thread has four channels of one pixel of N images.
template <class S, int N> DEVICE void input_gradients(const Args &a) {
  const int groups = S::C4 / 4, c = THREAD % groups * 4;
  const int pixel = THREAD / groups % (S::H * S::W), first = THREAD / groups / (S::H * S::W) * N;
  if (first >= a.images) return;
  const int y = pixel / S::W, x = pixel % S::W;
  const float *g = mine(a, a.out_gradient), *w = mine(a, a.turned);
  float *to = mine(a, a.in_gradient) + S::in_at(y, x) + c;
  float sum[N][4];
  UNROLL for (int i = 0; i < N; i++) {
    UNROLL for (int j = 0; j < 4; j++) sum[i][j] = 0;
    if (a.adds && first + i < a.images) load4(sum[i], to + (first + i) * S::IN);
  }
  for (int ky = S::WHOLE ? y : 0; ky < (S::WHOLE ? y + 1 : S::KH); ky++)
    for (int kx = S::WHOLE ? x : 0; kx < (S::WHOLE ? x + 1 : S::KW); kx++) {
      int oy = y + S::P - ky, ox = x + S::P - kx;
      if (oy < 0 || ox < 0 || oy % S::S || ox % S::S) continue;
      oy /= S::S, ox /= S::S;
      if (oy >= S::OH || ox >= S::OW) continue;
      const float *from[N];
      UNROLL for (int i = 0; i < N; i++)
        from[i] = g + (first + i < a.images ? first + i : first) * S::OUT + S::out_at(oy, ox);
      add_products<N, S::O>(sum, from, w + S::turned_at(ky * S::KW + kx, 0, c), S::TURNED_ROW);
    }
  const int activation = activation_of(a, a.in_layer);
  UNROLL for (int i = 0; i < N; i++) {
    if (first + i >= a.images) break;
    UNROLL for (int j = 0; j < 4; j++)
      if (c + j < S::C)
        sum[i][j] = gated(a, activation, (first + i) * S::IN + S::in_at(y, x) + c + j, sum[i][j]);
    store4(to + (first + i) * S::IN, sum[i]);
  }
}

// The same of a linear layer whose inputs lie side by side: a thread has one of them of N images.
template <class S, int N> DEVICE void input_gradients_flat(const Args &a) {
  const int at = THREAD % S::IN, first = THREAD / S::IN * N;
  if (first >= a.images) return;
  const float *g[N];
  float sum[N];
  UNROLL for (int i = 0; i < N; i++) {
    const int n = first + i < a.images ? first + i : first;
    g[i] = mine(a, a.out_gradient) + n * S::OUT;
    sum[i] = a.adds ? mine(a, a.in_gradient)[n * S::IN + at] : 0.0f;
  }
  add_long_products<N, S::O, S::OUT, S::IN>(sum, g, mine(a, a.turned) + at);
  const int activation = activation_of(a, a.in_layer);
  UNROLL for (int i = 0; i < N; i++)
    if (first + i < a.images)
      mine(a, a.in_gradient)[(first + i) * S::IN + at] =
          gated(a, activation, (first + i) * S::IN + at, sum[i]);
}

// The same of a pooled convolution, by the outputs that pooling and activation let through. A pooled
// pixel counts for all columns that its window's two columns of outputs see, with weight zero where
// only the other one does. A thread has G channels of one pixel of one image.
template <class S, int G> DEVICE void input_gradients_pooled(const Args &a) {
  const int groups = parts(S::C, G), c = THREAD % groups * G;
  const int pixel = THREAD / groups % (S::H * S::W), n = THREAD / groups / (S::H * S::W);
  if (n >= a.images) return;
  const int y = pixel / S::W + S::P, x = pixel % S::W + S::P;
  const float *gradients = mine(a, a.out_gradient) + n * S::OUT, *w = mine(a, a.turned) + c;
  const signed char *which = mine(a, a.from) + n * S::OUT;
  const int at = n * S::IN + S::in_at(y - S::P, x - S::P) + c;
  float sum[G];
  UNROLL for (int i = 0; i < G; i++)
    sum[i] = a.adds && c + i < S::C ? mine(a, a.in_gradient)[at + i] : 0.0f;
  const int top = y > S::KH ? (y - S::KH + 1) / 2 : 0, left = x > S::KW ? (x - S::KW + 1) / 2 : 0;
  for (int py = top; py <= y / 2 && py < S::OH; py++)
    for (int px = left; px <= x / 2 && px < S::OW; px++) {
      const int here = S::out_at(py, px);
      UNROLL_BY(2) for (int o = 0; o < S::O; o += 4) {
        float g[4], weight[4][G];
        bool counts[4], seen[4];
        load4(g, gradients + here + o);
        const Word four = *(const Word *)(which + here + o);
        UNROLL for (int j = 0; j < 4; j++) {
          const int q = four >> 8 * j & 3, ky = y - 2 * py - q / 2, kx = x - 2 * px - q % 2;
          counts[j] = o + j < S::O && g[j] != 0 && ky >= 0 && ky < S::KH;
          seen[j] = kx >= 0 && kx < S::KW;
          // Loaded in any case, so that no load waits for a decision.
          const int tap = counts[j] && seen[j] ? ky * S::KW + kx : 0;
          const float *from = w + S::turned_at(tap, o + j < S::O ? o + j : o, 0);
          UNROLL for (int i = 0; i < G; i += 4) load4(weight[j] + i, from + (c + i < S::C4 ? i : 0));
        }
        UNROLL for (int j = 0; j < 4; j++)
          if (counts[j])
            UNROLL for (int i = 0; i < G; i++)
              sum[i] = fused(g[j], seen[j] ? weight[j][i] : 0.0f, sum[i]);
      }
    }
  const int activation = activation_of(a, a.in_layer);
  UNROLL for (int i = 0; i < G; i++)
    if (c + i < S::C) mine(a, a.in_gradient)[at + i] = gated(a, activation, at + i, sum[i]);
}

// Whether a tap sees the image from some output pixel: others are never moved.
template <class S> DEVICE bool sees_image(int ky, int kx, int pool) {
  bool rows = false, columns = false;
  for (int o = 0; o < S::OH * pool; o++) {
    const int y = o * S::S - S::P + ky;
    rows |= y >= 0 && y < S::H;
  }
  for (int o = 0; o < S::OW * pool; o++) {
    const int x = o * S::S - S::P + kx;
    columns |= x >= 0 && x < S::W;
  }
  return rows && columns;
}

// The gradients of a dense layer's weights and their step: a thread has 4 input and 4 Q output
// channels of one tap. 32 neighbours have L groups of outputs and 32 / L of inputs, so that what they
// write lies side by side in both layouts. Those that follow have the bias of one output each. Taps
// outside the image count as zeros in the first layer, whose map has a border of them, and not at
// all elsewhere.
template <class S, int Q, int L, bool BIAS, bool FIRST> DEVICE void step_weights(const Args &a) {
  const int groups = parts(S::O, 4 * Q * L), inputs = parts(S::C4, 4 * (32 / L));
  const int tile = THREAD / 32, lane = THREAD % 32, tap = tile / groups / inputs;
  const int o = (tile % groups * L + lane % L) * 4 * Q;
  const int c = (tile / groups % inputs * (32 / L) + lane / L) * 4;
  if (tap >= S::TAPS) {
    const int output = THREAD - S::TAPS * inputs * groups * 32;
    if (!BIAS || output >= S::O) return;
    float sum = 0;
    for (int n = 0; n < a.images; n++) sum = sum + mine(a, a.out_gradient)[n * S::OUT + output];
    step_one(a, mine(a, a.bias) + output, sum);
    return;
  }
  const int ky = tap / S::KW, kx = tap % S::KW;
  if (c >= S::C || o >= S::O || (!S::WHOLE && !sees_image<S>(ky, kx, 1))) return;
  int top = 0, left = 0, bottom = S::OH, right = S::OW;
  if (!FIRST && S::P > 0) {
    while (top * S::S - S::P + ky < 0) top++;
    while (left * S::S - S::P + kx < 0) left++;
    while ((bottom - 1) * S::S - S::P + ky >= S::H) bottom--;
    while ((right - 1) * S::S - S::P + kx >= S::W) right--;
  }
  const int rows = bottom - top, columns = right - left, count = a.images * rows * columns;
  const float *x = mine(a, a.in) + S::in_at(top * S::S - S::P + ky, left * S::S - S::P + kx) + c;
  const float *g = mine(a, a.out_gradient) + S::out_at(top, left) + o;
  const int AT_ONCE = Q == 1 ? 16 : 4;
  float sum[4][4 * Q];
  UNROLL for (int i = 0; i < 4; i++) UNROLL for (int j = 0; j < 4 * Q; j++) sum[i][j] = 0;
  int row = 0, column = 0;
  for (int k = 0; k < count; k += AT_ONCE) {
    float in[AT_ONCE][4], gradient[AT_ONCE][4 * Q];
    UNROLL for (int e = 0; e < AT_ONCE; e++) {
      load4(in[e], x);
      UNROLL for (int q = 0; q < Q; q++) load4(gradient[e] + 4 * q, g + (o + 4 * q < S::O4 ? 4 * q : 0));
      if (k + e + 1 >= count) continue;
      // On to the next pixel, row or image.
      x += S::S * S::C4, g += S::O4;
      if (++column == columns) {
        column = 0;
        x += S::S * S::IN_ROW - columns * S::S * S::C4, g += S::OUT_ROW - columns * S::O4;
        if (++row == rows) row = 0, x += S::IN - rows * S::S * S::IN_ROW, g += S::OUT - rows * S::OUT_ROW;
      }
    }
    UNROLL for (int e = 0; e < AT_ONCE; e++)
      if (k + e < count)
        UNROLL for (int i = 0; i < 4; i++)
          UNROLL for (int j = 0; j < 4 * Q; j++)
            sum[i][j] = fused(in[e][i], gradient[e][j], sum[i][j]);
  }
  const Stride stride = stride_of(a);
  float made[4][4 * Q];
  UNROLL for (int i = 0; i < 4; i++)
    UNROLL for (int q = 0; q < 4 * Q; q += 4) {
      UNROLL for (int j = q; j < q + 4; j++) made[i][j] = 0;
      if (c + i >= S::C || o + q >= S::O4) continue;
      // What fills up to four stays zero.
      UNROLL for (int j = q; j < q + 4; j++) if (o + j >= S::O) sum[i][j] = 0;
      step_along<4>(a, stride, mine(a, a.weights) + (tap * S::C + c + i) * S::O4 + o + q, sum[i] + q,
                    made[i] + q);
    }
  UNROLL for (int j = 0; j < 4 * Q; j++)
    if (o + j < S::O) {
      const float four[4] = {made[0][j], made[1][j], made[2][j], made[3][j]};
      store4(mine(a, a.turned) + S::turned_at(tap, o + j, c), four);
    }
}

// The outputs of one channel of one image through which maximum and activation let a gradient pass,
// in the order of their pixels: those whose gradient is not zero.
template <class S> DEVICE void list_open(const Args &a) {
  const int o = THREAD % S::O, n = THREAD / S::O;
  if (n >= a.images) return;
  const float *g = mine(a, a.out_gradient) + n * S::OUT + o;
  const signed char *which = mine(a, a.from) + n * S::OUT + o;
  Open *list = mine(a, a.open) + (n * S::O + o) * S::LISTED;
  int count = 0;
  UNROLL_BY(2) for (int py = 0; py < S::OH; py++) {
    float gradients[S::OW];
    int q[S::OW];
    UNROLL for (int px = 0; px < S::OW; px++)
      gradients[px] = g[S::out_at(py, px)], q[px] = which[S::out_at(py, px)];
    UNROLL for (int px = 0; px < S::OW; px++)
      if (gradients[px] != 0)
        list[count++] = Open{S::in_at(2 * py + q[px] / 2 - S::P, 2 * px + q[px] % 2 - S::P), gradients[px]};
  }
  mine(a, a.counts)[n * S::O + o] = count;
}

// The gradients of a pooled convolution's weights by these lists, and their step: a thread has G
// inputs of one tap of one output channel, and 32 neighbours have the same channel. Those that follow
// have the bias of one output each. Taps outside the image count as the zeros of its border.
template <class S, int G> DEVICE void step_weights_pooled(const Args &a) {
  const int groups = parts(S::C, G), threads = parts(S::TAPS * groups, 32) * 32;
  const bool is_bias = THREAD >= S::O * threads;
  const int o = is_bias ? THREAD - S::O * threads : THREAD / threads;
  const int tap = is_bias ? 0 : THREAD % threads / groups, c = is_bias ? 0 : THREAD % threads % groups * G;
  if (o >= S::O || tap >= S::TAPS || !sees_image<S>(tap / S::KW, tap % S::KW, 2)) return;
  const float *x = mine(a, a.in) + tap / S::KW * S::IN_ROW + tap % S::KW * S::C4 + c;
  const int AT_ONCE = G == 1 ? 32 : 16;
  float sum[G];
  UNROLL for (int i = 0; i < G; i++) sum[i] = 0;
  for (int n = 0; n < a.images; n++, x += S::IN) {
    const Open *list = mine(a, a.open) + (n * S::O + o) * S::LISTED;
    const int count = mine(a, a.counts)[n * S::O + o];
    float next[2 * AT_ONCE];
    UNROLL for (int i = 0; i < 2 * AT_ONCE; i += 4) load4(next + i, (const float *)list + i);
    for (int k = 0; k < count; k += AT_ONCE) {
      float now[2 * AT_ONCE], in[AT_ONCE][G];
      UNROLL for (int i = 0; i < 2 * AT_ONCE; i++) now[i] = next[i];
      if (k + AT_ONCE < count)
        UNROLL for (int i = 0; i < 2 * AT_ONCE; i += 4)
          load4(next + i, (const float *)(list + k + AT_ONCE) + i);
      UNROLL for (int e = 0; e < AT_ONCE; e++) {
        // What lies behind the list's end is of an earlier batch, or zeros: a place in the image too.
        const float *from = x + float_as_bits(now[2 * e]);
        if (G == 1) in[e][0] = from[0];
        else load4(in[e], from);
      }
      UNROLL for (int e = 0; e < AT_ONCE; e++)
        if (k + e < count)
          UNROLL for (int i = 0; i < G; i++)
            sum[i] = is_bias ? sum[i] + now[2 * e + 1] : fused(in[e][i], now[2 * e + 1], sum[i]);
    }
  }
  if (is_bias) {
    step_one(a, mine(a, a.bias) + o, sum[0]);
    return;
  }
  const Stride stride = stride_of(a);
  UNROLL for (int i = 0; i < G; i++) {
    if (c + i >= S::C) continue;
    float made[1];
    step_along<1>(a, stride, mine(a, a.weights) + (tap * S::C + c + i) * S::O4 + o, &sum[i], made);
    mine(a, a.turned)[S::turned_at(tap, o, c + i)] = made[0];
  }
}

// A number a thread: the gradients of the windows whose maximum it was, in their order.
template <class S> DEVICE void input_gradients_max_pool(const Args &a) {
  const int c = THREAD % S::C4, pixel = THREAD / S::C4 % (S::H * S::W);
  const int n = THREAD / S::C4 / (S::H * S::W);
  if (n >= a.images) return;
  const int y = pixel / S::W, x = pixel % S::W;
  const float *g = mine(a, a.out_gradient) + n * S::OUT + c;
  const signed char *which = mine(a, a.from) + n * S::OUT + c;
  float sum = 0;
  for (int oy = y / 2; oy <= (y + 1) / 2 && oy < S::OH; oy++)
    for (int ox = x / 2; ox <= (x + 1) / 2 && ox < S::OW; ox++) {
      const int at = S::out_at(oy, ox);
      if (which[at] == (y - 2 * oy + 1) * 3 + x - 2 * ox + 1) sum = sum + g[at];
    }
  mine(a, a.in_gradient)[n * S::IN + S::in_at(y, x) + c] = sum;
}

// Batch norm's sums, and the steps of its weight and bias. A channel a thread.
template <class S> DEVICE void step_norm(const Args &a) {
  const int c = THREAD, pixels = a.images * S::H * S::W;
  if (c >= S::C) return;
  const bool relu = activation_of(a, a.layer) == RELU;
  float *norm = mine(a, a.norm) + c;
  const float *in = mine(a, a.in) + c, *out = mine(a, a.out) + c, *gradients = mine(a, a.out_gradient) + c;
  const float mean = norm[2 * S::C4], deviation = norm[3 * S::C4], count = (float)pixels;
  float sum = 0, products = 0;
  const float *arrays[3] = {gradients, out, in};
  in_turn<32, S::C4, 3>(arrays, pixels, [&](const float *x) {
    const float g = !relu || x[1] > 0 ? x[0] : 0.0f;
    sum = sum + g;
    products = fused(g, x[2] - mean, products);
  });
  norm[4 * S::C4] = sum / count;
  norm[5 * S::C4] = products * deviation * deviation / count;
  mine(a, a.turned)[c] = mine(a, a.weights)[c];
  step_one(a, mine(a, a.weights) + c, products * deviation);
  step_one(a, mine(a, a.bias) + c, sum);
}

// A number a thread: the gradients of the input and of what was added, after `step_norm`, which has
// kept the weight as it was in `turned`.
template <class S> DEVICE void input_gradients_norm(const Args &a) {
  const int at = THREAD, c = at % S::C4;
  if (at >= a.images * S::IN || c >= S::C) return;
  const float *norm = mine(a, a.norm) + c;
  float g = mine(a, a.out_gradient)[at];
  if (activation_of(a, a.layer) == RELU) g = mine(a, a.out)[at] > 0 ? g : 0.0f;
  if (a.add) {
    float *other = mine(a, a.add_gradient) + at;
    *other = a.add_adds ? *other + g : g;
  }
  const float d = mine(a, a.in)[at] - norm[2 * S::C4];
  mine(a, a.in_gradient)[at] = fused(-d, norm[5 * S::C4], g - norm[4 * S::C4]) *
                               (mine(a, a.turned)[c] * norm[3 * S::C4]);
}

// ---- weights from (outwards 0) and to torch's layout, one number a thread ----

DEVICE void carry(const Args &a, float *ours, long long at) {
  float *theirs = a.flat + a.flat_count * REPLICA + a.flat_start + at;
  if (!a.outwards) *ours = *theirs;
  else *theirs = *ours == *ours ? *ours : QUIET_NAN;
}

template <class S, bool BIAS> DEVICE void carry_weights(const Args &a) {
  if (THREAD >= S::O * S::C * S::TAPS) {
    const int o = THREAD - S::O * S::C * S::TAPS;
    if (BIAS && o < S::O) carry(a, mine(a, a.bias) + a.plane * a.moment + o, THREAD);
    return;
  }
  const int tap = THREAD % S::TAPS, c = THREAD / S::TAPS % S::C, o = THREAD / S::TAPS / S::C;
  float *w = mine(a, a.weights) + a.plane * a.moment + (tap * S::C + c) * S::O4 + o;
  carry(a, w, THREAD);
  if (!a.outwards && a.plane == 0) mine(a, a.turned)[S::turned_at(tap, o, c)] = *w;
}

template <class S> DEVICE void carry_norm(const Args &a) {
  const int part = THREAD / S::C, c = THREAD % S::C;
  if (part == 0) carry(a, mine(a, a.weights) + a.plane * a.moment + c, THREAD);
  if (part == 1) carry(a, mine(a, a.bias) + a.plane * a.moment + c, THREAD);
  if ((part == 2 || part == 3) && a.plane == 0)
    carry(a, mine(a, a.norm) + (part - 2) * S::C4 + c, THREAD);
}
