#pragma once

#include <cstdint>

#include "cpu/kernels.h"

// Included once for each instruction set, behind its Vec. No template of the standard library is
// used here: the linker would keep one copy of it for all instruction sets.
namespace mime_fast::cpu::MIME_FAST_ISA {

inline float square_root(float x) { return __builtin_sqrtf(x); }

// Relative error below 2e-7 in [-87.3, 88]; 0 below, so that a blocked word has weight 0.
inline Vec exp(Vec x) {
  const Vec lowest = splat(-87.3F);
  const std::uint32_t inside = at_least(x, lowest);
  x = min(max(x, lowest), splat(88.0F));
  const Vec magic = splat(12582912.0F);  // 1.5 * 2^23: adding it rounds to a whole number
  const Vec power = sub(fma(x, splat(1.44269504F), magic), magic);
  x = fma(power, splat(-0.693359375F), x);
  x = fma(power, splat(2.12194440e-4F), x);
  // Cephes' expf: exp(x) = 1 + x + x^2 P(x) on [-ln(2) / 2, ln(2) / 2].
  Vec p = splat(1.9875691500e-4F);
  p = fma(p, x, splat(1.3981999507e-3F));
  p = fma(p, x, splat(8.3334519073e-3F));
  p = fma(p, x, splat(4.1665795894e-2F));
  p = fma(p, x, splat(1.6666665459e-1F));
  p = fma(p, x, splat(5.0000001201e-1F));
  p = add(fma(mul(x, x), p, x), splat(1.0F));
  return keep(scale_by_power(p, power), inside);
}

// Lanes before `count`.
inline std::uint32_t lanes_before(std::int64_t count) {
  return count >= kLanes ? 0xFFFFU : (1U << count) - 1U;
}

template <unsigned R, unsigned P>
inline void product_block(const Product& p, std::int64_t row, std::int64_t panel) {
  Vec acc[R][P];
  for (unsigned j = 0; j < P; ++j) {
    const Vec start = p.bias == nullptr ? splat(0.0F) : load(p.bias + (panel + j) * kLanes);
    for (unsigned r = 0; r < R; ++r) acc[r][j] = start;
  }
  const float* x = p.x + row * p.x_stride;
  const float* w = p.w + panel * p.panel_stride;
  for (std::int64_t k = 0; k < p.inner; ++k, w += p.w_stride) {
    Vec column[P];
    for (unsigned j = 0; j < P; ++j) column[j] = load(w + j * p.panel_stride);
    for (unsigned r = 0; r < R; ++r) {
      const Vec factor = splat(x[r * p.x_stride + k]);
      for (unsigned j = 0; j < P; ++j) acc[r][j] = fma(factor, column[j], acc[r][j]);
    }
  }
  for (unsigned r = 0; r < R; ++r) {
    for (unsigned j = 0; j < P; ++j) {
      float* y = p.y + (row + r) * p.y_stride + (panel + j) * kLanes;
      Vec result = acc[r][j];
      if (p.relu) result = max(result, splat(0.0F));
      if (p.add) result = add(load(y), result);
      store(y, result);
    }
  }
}

// Computes the last rows, at most R.
template <unsigned R, unsigned P>
inline void last_rows(const Product& p, std::int64_t row, std::int64_t panel) {
  if constexpr (R > 0) {
    if (p.rows - row == R) return product_block<R, P>(p, row, panel);
    last_rows<R - 1, P>(p, row, panel);
  }
}

// Computes R rows at a time. Many sums hide the latency of the multiply-add, and each panel is read
// once for all rows of a block.
template <unsigned R, unsigned P>
inline void product_rows(const Product& p, std::int64_t panel) {
  std::int64_t row = 0;
  for (; row + R <= p.rows; row += R) product_block<R, P>(p, row, panel);
  last_rows<R - 1, P>(p, row, panel);
}

inline void matmul(const Product& p) {
  std::int64_t panel = 0;
  if (p.rows <= 2) {
    for (; panel + kFewRowsPanels <= p.panels; panel += kFewRowsPanels) {
      product_rows<2, kFewRowsPanels>(p, panel);
    }
  }
  for (; panel + kProductPanels <= p.panels; panel += kProductPanels) {
    product_rows<kProductRows, kProductPanels>(p, panel);
  }
  for (; panel + 2 <= p.panels; panel += 2) product_rows<kProductRows, 2>(p, panel);
  for (; panel < p.panels; ++panel) product_rows<kProductRows, 1>(p, panel);
}

inline void layer_norm(const float* x, std::int64_t dim, const float* gamma, const float* beta,
                       float* y) {
  Vec total = splat(0.0F);
  for (std::int64_t i = 0; i < dim; i += kLanes) total = add(total, load(x + i));
  const Vec mean = splat(sum(total) / static_cast<float>(dim));
  Vec squares = splat(0.0F);
  for (std::int64_t i = 0; i < dim; i += kLanes) {
    const Vec centred = keep(sub(load(x + i), mean), lanes_before(dim - i));
    squares = fma(centred, centred, squares);
  }
  const float deviation = square_root(sum(squares) / static_cast<float>(dim - 1));
  const Vec scale = splat(1.0F / (deviation + 1e-6F));
  for (std::int64_t i = 0; i < dim; i += kLanes) {
    const Vec scaled = mul(sub(load(x + i), mean), scale);
    store(y + i, fma(scaled, load(gamma + i), load(beta + i)));
  }
}

inline Vec mean_of(const float* x, std::int64_t dim) {
  Vec total = splat(0.0F);
  for (std::int64_t i = 0; i < dim; i += kLanes) total = add(total, load(x + i));
  return splat(sum(total) / static_cast<float>(dim));
}

inline void standard_layer_norm(const float* x, std::int64_t dim, float epsilon, const float* gamma,
                                const float* beta, float* y) {
  const Vec mean = mean_of(x, dim);
  Vec squares = splat(0.0F);
  for (std::int64_t i = 0; i < dim; i += kLanes) {
    const Vec centred = keep(sub(load(x + i), mean), lanes_before(dim - i));
    squares = fma(centred, centred, squares);
  }
  const Vec scale = splat(1.0F / square_root(sum(squares) / static_cast<float>(dim) + epsilon));
  for (std::int64_t i = 0; i < dim; i += kLanes) {
    const Vec scaled = mul(sub(load(x + i), mean), scale);
    store(y + i, fma(scaled, load(gamma + i), load(beta + i)));
  }
}

inline void rms_norm(const float* x, std::int64_t dim, float epsilon, const float* gamma,
                     float* y) {
  Vec squares = splat(0.0F);
  for (std::int64_t i = 0; i < dim; i += kLanes) squares = fma(load(x + i), load(x + i), squares);
  const Vec scale = splat(1.0F / square_root(sum(squares) / static_cast<float>(dim) + epsilon));
  for (std::int64_t i = 0; i < dim; i += kLanes) {
    store(y + i, mul(mul(load(x + i), scale), load(gamma + i)));
  }
}

// The error function: a rational minimax function on [-4, 4], where it has become 1 in float32.
// Error below 4e-7.
inline Vec erf(Vec x) {
  x = max(min(x, splat(4.0F)), splat(-4.0F));
  const Vec square = mul(x, x);
  Vec p = splat(-2.72614225801306e-10F);
  p = fma(p, square, splat(2.77068142495902e-08F));
  p = fma(p, square, splat(-2.10102402082508e-06F));
  p = fma(p, square, splat(-5.69250639462346e-05F));
  p = fma(p, square, splat(-7.34990630326855e-04F));
  p = fma(p, square, splat(-2.95459980854025e-03F));
  p = fma(p, square, splat(-1.60960333262415e-02F));
  Vec q = splat(-1.45660718464996e-05F);
  q = fma(q, square, splat(-2.13374055278905e-04F));
  q = fma(q, square, splat(-1.68282697438203e-03F));
  q = fma(q, square, splat(-7.37332916720468e-03F));
  q = fma(q, square, splat(-1.42647390514189e-02F));
  return div(mul(x, p), q);
}

inline void gelu(float* x, std::int64_t count) {
  const Vec half = splat(0.5F);
  for (std::int64_t i = 0; i < count; i += kLanes) {
    const Vec value = load(x + i);
    const Vec share = fma(erf(mul(value, splat(0.70710678F))), half, half);
    store(x + i, mul(value, share));
  }
}

inline void silu_gate(const float* gates, const float* x, std::int64_t count, float* y) {
  const Vec one = splat(1.0F);
  for (std::int64_t i = 0; i < count; i += kLanes) {
    const Vec value = load(gates + i);
    const Vec inverse = add(one, exp(sub(splat(0.0F), value)));
    store(y + i, mul(div(value, inverse), load(x + i)));
  }
}

inline void softmax(float* row, std::int64_t count) {
  float top = row[0];
  for (std::int64_t i = 1; i < count; ++i) top = row[i] > top ? row[i] : top;
  Vec total = splat(0.0F);
  for (std::int64_t i = 0; i < count; i += kLanes) {
    const Vec weight = keep(exp(sub(load(row + i), splat(top))), lanes_before(count - i));
    total = add(total, weight);
    store(row + i, weight);
  }
  const Vec scale = splat(1.0F / sum(total));
  for (std::int64_t i = 0; i < count; i += kLanes) store(row + i, mul(load(row + i), scale));
}

inline void gate(const float* gates, const float* x, std::int64_t count, float* y) {
  const Vec one = splat(1.0F);
  for (std::int64_t i = 0; i < count; i += kLanes) {
    const Vec inverse = add(one, exp(sub(splat(0.0F), load(gates + i))));
    store(y + i, div(load(x + i), inverse));
  }
}

inline void attend_cache(const CacheAttention& a) {
  for (std::int64_t head = 0; head < a.heads; ++head) {
    const float* query = a.query + head * a.width;
    const std::int64_t offset = head / a.group * a.padded_width;
    for (std::int64_t t = 0; t < a.count; ++t) {
      const float* key = a.keys + a.kv_positions[t] * a.kv_stride + offset;
      Vec dot = splat(0.0F);
      for (std::int64_t i = 0; i < a.width; i += kLanes) {
        const Vec part = keep(load(query + i), lanes_before(a.width - i));
        dot = fma(part, load(key + i), dot);
      }
      a.scratch[t] = sum(dot);
    }
    softmax(a.scratch, a.count);
    for (std::int64_t i = 0; i < a.width; i += kLanes) {
      Vec mixed = splat(0.0F);
      for (std::int64_t t = 0; t < a.count; ++t) {
        const float* value = a.values + a.kv_positions[t] * a.kv_stride + offset;
        mixed = fma(splat(a.scratch[t]), load(value + i), mixed);
      }
      store(a.out + head * a.width + i, mixed);
    }
  }
}

}  // namespace mime_fast::cpu::MIME_FAST_ISA
