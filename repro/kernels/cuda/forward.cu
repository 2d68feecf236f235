// A batch, and the way from its pictures to logits and loss.

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
