#pragma once

#include <cstdint>

#include "cpu/kernels.h"

// Included once for each instruction set, behind float_kernels.h.
namespace mime_fast::cpu::MIME_FAST_ISA {

// Sixteen weights of a word in float32.
template <typename Weight>
inline Vec load_weights(const Weight* from, const float* scale, std::int64_t word) {
  if constexpr (sizeof(Weight) > 1) {
    return load(from);
  } else {
    return mul(load(from), splat(scale[word]));
  }
}

// Sixteen words for R rows, W words at a time.
template <unsigned R, unsigned W, typename Weight>
inline void dot_block(const RowDots<Weight>& d, std::int64_t row, std::int64_t word) {
  // Prefetches the next sixteen words: 0.7 to 0.9 times the time, half of it in bfloat16. It does
  // not help a single row of float32, which is bound by memory.
  constexpr bool kPrefetches = R > 1 || sizeof(Weight) < sizeof(float);
  Vec partial[R][kLanes];
  for (unsigned base = 0; base < kLanes; base += W) {
    Vec acc[R][W];
    MIME_FAST_UNROLL
    for (unsigned r = 0; r < R; ++r) {
      MIME_FAST_UNROLL
      for (unsigned j = 0; j < W; ++j) acc[r][j] = splat(0.0F);
    }
    const Weight* w = d.w + (word + base) * d.inner;
    const float* x = d.x + row * d.inner;
    for (std::int64_t k = 0; k < d.inner; k += kLanes) {
      Vec factor[R];
      MIME_FAST_UNROLL
      for (unsigned r = 0; r < R; ++r) factor[r] = load(x + r * d.inner + k);
      MIME_FAST_UNROLL
      for (unsigned j = 0; j < W; ++j) {
        const Weight* here = w + j * d.inner + k;
        if constexpr (kPrefetches) __builtin_prefetch(here + kLanes * d.inner);
        const Vec weights = load_weights(here, d.scale, word + base + j);
        MIME_FAST_UNROLL
        for (unsigned r = 0; r < R; ++r) acc[r][j] = fma(weights, factor[r], acc[r][j]);
      }
    }
    MIME_FAST_UNROLL
    for (unsigned r = 0; r < R; ++r) {
      MIME_FAST_UNROLL
      for (unsigned j = 0; j < W; ++j) partial[r][base + j] = acc[r][j];
    }
  }
  MIME_FAST_UNROLL
  for (unsigned r = 0; r < R; ++r) {
    store(d.y + (row + r) * d.y_stride + word, add(sums(partial[r]), load(d.bias + word)));
  }
}

template <typename Weight>
inline void row_dots(const RowDots<Weight>& d) {
  for (std::int64_t word = d.first_word; word < d.last_word; word += kLanes) {
    std::int64_t row = 0;
    for (; row + 4 <= d.rows; row += 4) dot_block<4, kDotSums / 4>(d, row, word);
    if (row + 2 <= d.rows) dot_block<2, kDotSums / 2>(d, row, word), row += 2;
    if (row < d.rows) dot_block<1, kDotSums>(d, row, word);
  }
}

// Computes W of the gathered words, from number `first` on.
template <unsigned W, typename Weight>
inline void dot_words(const GatheredDots<Weight>& d, std::int64_t first) {
  const std::int32_t* ids = d.ids + first;
  const Weight* word[W];
  Vec acc[W];
  MIME_FAST_UNROLL
  for (unsigned j = 0; j < W; ++j) {
    word[j] = d.w + ids[j] * d.inner;
    acc[j] = splat(0.0F);
  }
  for (std::int64_t k = 0; k < d.inner; k += kLanes) {
    const Vec factor = load(d.x + k);
    MIME_FAST_UNROLL
    for (unsigned j = 0; j < W; ++j) {
      acc[j] = fma(load_weights(word[j] + k, d.scale, ids[j]), factor, acc[j]);
    }
  }
  MIME_FAST_UNROLL
  for (unsigned j = 0; j < W; ++j) d.y[first + j] = sum(acc[j]) + d.bias[ids[j]];
}

// Computes several words at a time, because each waits for memory.
template <typename Weight>
inline void gathered_dots(const GatheredDots<Weight>& d) {
  constexpr unsigned kWords = 8;
  std::int64_t i = 0;
  for (; i + kWords <= d.count; i += kWords) dot_words<kWords>(d, i);
  for (; i < d.count; ++i) dot_words<1>(d, i);
}

// Computes V vectors of groups.
template <unsigned V>
inline void maxima_of(const float* values, std::int64_t count, std::int64_t groups,
                      std::int64_t first, float* maxima) {
  Vec top[V];
  MIME_FAST_UNROLL
  for (Vec& each : top) each = splat(-__builtin_inff());
  std::int64_t i = first;
  for (; i + V * kLanes <= count; i += groups) {
    MIME_FAST_UNROLL
    for (unsigned j = 0; j < V; ++j) top[j] = max(top[j], load(values + i + j * kLanes));
  }
  MIME_FAST_UNROLL
  for (unsigned j = 0; j < V; ++j) {
    if (i + j * kLanes < count) top[j] = max(top[j], load(values + i + j * kLanes));
    store(maxima + first + j * kLanes, top[j]);
  }
}

inline void group_maxima(const float* values, std::int64_t count, std::int64_t groups,
                         float* maxima) {
  constexpr unsigned kVectors = 8;
  std::int64_t group = 0;
  for (; group + kVectors * kLanes <= groups; group += kVectors * kLanes) {
    maxima_of<kVectors>(values, count, groups, group, maxima);
  }
  for (; group < groups; group += kLanes) maxima_of<1>(values, count, groups, group, maxima);
}

inline Vec bound_of(const ScreenBound& bound, std::int64_t i) {
  const Vec slope = fma(load(bound.slope + i), splat(bound.norm), splat(bound.margin));
  return fma(load(bound.reach + i), splat(bound.rest), slope);
}

inline std::int64_t append_ids(std::uint32_t bits, std::int64_t base, std::int32_t* ids,
                               std::int64_t count) {
  for (; bits != 0; bits &= bits - 1) {
    ids[count++] = static_cast<std::int32_t>(base + __builtin_ctz(bits));
  }
  return count;
}

inline std::int64_t gather_possible(const float* scores, const ScreenBound& bound, float threshold,
                                    std::int64_t count, std::int32_t* ids) {
  std::int64_t found = 0;
  const Vec largest_bound = splat(bound.largest);
  for (std::int64_t i = 0; i < count; i += kLanes) {
    const Vec score = load(scores + i);
    if (at_least(add(score, largest_bound), splat(threshold)) == 0) continue;
    const std::uint32_t possible = at_least(add(score, bound_of(bound, i)), splat(threshold));
    found = append_ids(possible, i, ids, found);
  }
  return found;
}

// Adds float32 terms in double, where the sum hardly depends on their order: rows that are
// permutations of each other have equal log-partitions.
struct LaneSums {
  double lane[kLanes] = {};

  void add(const Vec& terms) {
    float values[kLanes];
    store(values, terms);
    for (std::int64_t i = 0; i < kLanes; ++i) lane[i] += static_cast<double>(values[i]);
  }
  double total() const {
    double sum = 0;
    for (const double value : lane) sum += value;
    return sum;
  }
};

// Number of screened terms that are added in float32 before their sum is added in double; the terms
// are not exact.
constexpr std::int64_t kBlock = 32 * kLanes;

inline Vec weights_of(Vec scores, float max, float rate) {
  return exp(mul(sub(scores, splat(max)), splat(rate)));
}

inline double exponentials(const float* scores, float max, float rate, std::int64_t count,
                           float* weights) {
  double total = 0;
  for (std::int64_t begin = 0; begin < count; begin += kBlock) {
    const std::int64_t end = begin + kBlock < count ? begin + kBlock : count;
    Vec part = splat(0.0F);
    for (std::int64_t i = begin; i < end; i += kLanes) {
      const Vec weight = weights_of(load(scores + i), max, rate);
      store(weights + i, weight);
      part = add(part, weight);
    }
    total += static_cast<double>(sum(part));
  }
  return total;
}

inline double sum_exponentials(const float* scores, float max, float rate, std::int64_t count) {
  LaneSums sums;
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) sums.add(weights_of(load(scores + i), max, rate));
  float last[kLanes];
  for (std::int64_t j = 0; j < kLanes; ++j) last[j] = i + j < count ? scores[i + j] : -1e30F;
  sums.add(keep(weights_of(load(last), max, rate), lanes_before(count - i)));
  return sums.total();
}

inline Tail split_tail(const float* weights, const ScreenBound& bound, float cut,
                       std::int64_t count, std::int32_t* ids) {
  Tail tail{0, 0, 0};
  for (std::int64_t begin = 0; begin < count; begin += kBlock) {
    const std::int64_t end = begin + kBlock < count ? begin + kBlock : count;
    Vec part = splat(0.0F);
    Vec squares = splat(0.0F);
    for (std::int64_t i = begin; i < end; i += kLanes) {
      const Vec weight = load(weights + i);
      const std::uint32_t large = at_least(weight, splat(cut));
      if (large != 0) tail.count = append_ids(large, i, ids, tail.count);
      const Vec small = keep(weight, ~large);
      const Vec limit = fma(load(bound.slope + i), splat(bound.norm), splat(bound.slack));
      const Vec spread = mul(small, limit);
      part = add(part, small);
      squares = fma(spread, spread, squares);
    }
    tail.weight += static_cast<double>(sum(part));
    tail.squared_spread += static_cast<double>(sum(squares));
  }
  return tail;
}

}  // namespace mime_fast::cpu::MIME_FAST_ISA
