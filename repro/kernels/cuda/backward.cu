// The way back, the steps of the parameters, and weights from and to torch's layout.

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
