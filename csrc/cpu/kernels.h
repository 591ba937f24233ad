#pragma once

#include <cstdint>

#include "cpu/isa.h"

// Unrolls a loop over registers. By default GCC 12 unrolls some of them halfway and keeps the sums
// in memory: 243 instead of 171 us for five screened rows.
#define MIME_FAST_UNROLL _Pragma("GCC unroll 16")

// The arithmetic of the CPU engine, one table for each instruction set. All tables give the same
// floats, bit for bit, for any number of rows: a reply depends neither on the processor nor on the
// batch. Vectors are 16 lanes wide. Unless stated otherwise, a buffer's rows are padded with zeros
// to a multiple of 16 floats. A kernel may read and write whole vectors.
namespace mime_fast::cpu {

constexpr std::int64_t kLanes = 16;

constexpr std::int64_t round_up(std::int64_t count, std::int64_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}
// Rounds the length of a row up to whole vectors.
constexpr std::int64_t padded(std::int64_t count) { return round_up(count, kLanes); }

// y = x W + bias, then max(0, y) if relu, then + the old y if add. Column c of W is lane c % 16 of
// panel c / 16. Each sum starts at the bias and runs over the inner dimension from 0 upwards.
struct Product {
  const float* x;  // (rows, x_stride), inner columns of which are read
  std::int64_t rows;
  std::int64_t x_stride;
  std::int64_t inner;
  const float* w;  // element (k, panel, lane) at k * w_stride + panel * panel_stride + lane
  std::int64_t w_stride;
  std::int64_t panel_stride;
  std::int64_t panels;
  const float* bias = nullptr;  // (panels, 16) or null
  float* y;                     // (rows, y_stride), panels * 16 columns of which are written
  std::int64_t y_stride;
  bool relu = false;
  bool add = false;
};

// Rows in fixed point, which `to_fixed` writes: element (row, k) is unit[row] * X. X is a whole
// number of at most kFixedLimit, and the unit a power of two. A row with NaN or infinity has the
// unit NaN. How X lies in its 4 bytes is the table's own.
struct FixedRows {
  std::uint8_t* values;  // (rows, 4 * stride)
  std::int64_t stride;   // the inner dimension, rounded up to kFixedStride
  float* unit;           // (rows,)
};
constexpr std::int32_t kFixedLimit = 1 << 22;
constexpr std::int64_t kFixedStride = 64;
constexpr std::int64_t kMaxFixedInner = 8000;  // so that sums of parts of X fit into 32 bits
// It is added to X, so that each of the three bytes has no sign.
constexpr std::int32_t kFixedShift = 0x808080;

// y = x W + bias as in Product, with x in fixed point and W in int8. Each sum of w X is exact. It
// is rounded to float32, multiplied by the unit, then by the scale in one multiply-add with the
// bias.
struct Int8Product {
  FixedRows x;
  std::int64_t rows;
  const std::int8_t* w;  // (panels, stride / 4, 16, 4), zeros where the inner dimension has ended
  const double* shift;   // (panels, 16) kFixedShift times the sum of a column
  std::int64_t panels;
  const float* scale;  // (panels, 16)
  const float* bias;   // (panels, 16)
  float* y;            // (rows, y_stride), panels * 16 columns of which are written
  std::int64_t y_stride;
  bool relu = false;
  bool add = false;
};

// The attention of one new position over the cached ones, oldest first.
struct CacheAttention {
  const float* query;   // (heads, width), packed, with room for one more vector
  const float* keys;    // position p, head h at p * kv_stride + h * padded_width, zeros behind
  const float* values;  // likewise
  std::int64_t kv_stride;
  const std::int32_t* kv_positions;  // (count,)
  std::int64_t count;
  std::int64_t heads;
  std::int64_t group = 1;  // heads that share keys and values: head h reads those of h / group
  std::int64_t width;
  std::int64_t padded_width;
  float* scratch;  // (count) rounded up to 16
  float* out;      // (heads, width), packed, with room for one more vector
};

// Dot products of x with vocabulary rows in float32. Lane l of a sum adds the elements l, l + 16,
// ...; the lanes are added as a tree.
template <typename Weight>
struct RowDots {
  const Weight* w;               // (words, inner)
  const float* scale = nullptr;  // (words,) of weights in int8, each of which is multiplied by it
  const float* bias;             // (words,)
  std::int64_t inner;            // a multiple of 16
  const float* x;                // (rows, inner)
  std::int64_t rows;
  std::int64_t first_word;
  std::int64_t last_word;  // a multiple of 16 from first_word on
  float* y;                // (rows, y_stride)
  std::int64_t y_stride;
};

// Dot products of x with the rows of some words: y[i] is the logit of word ids[i], the same float
// as RowDots gives.
template <typename Weight>
struct GatheredDots {
  const Weight* w;               // (words, inner)
  const float* scale = nullptr;  // (words,) of weights in int8
  const float* bias;             // (words,)
  std::int64_t inner;            // a multiple of 16
  const float* x;                // (inner,)
  const std::int32_t* ids;       // (count,)
  std::int64_t count;
  float* y;  // (count,)
};

// The same words in int8: score = scale[word] * unit[row] * sum((w - 128) p) + bias[word]. The
// quantised hidden vector p is 127 * high + low for its two planes, or its only plane.
struct Screen {
  const std::uint8_t* w;           // (panels, inner / 4, 16 words, 4), 128 is zero
  const float* scale;              // (words,)
  const float* bias;               // (words,)
  std::int64_t inner;              // a multiple of 4
  const std::int8_t* planes;       // (rows, plane_count, inner) high, then low
  std::int64_t plane_count;        // 1 or 2
  std::int64_t rows;               // at most max_plane_vectors / plane_count
  const float* unit;               // (rows,)
  const std::int32_t* correction;  // (rows,) 128 * sum(p)
  std::int64_t first_panel;
  std::int64_t last_panel;
  float* scores;  // (rows, score_stride)
  std::int64_t score_stride;
};

// The most that a screened score differs from the float32 logit: slope[word] * norm + reach[word] *
// rest + margin.
struct ScreenBound {
  const float* slope;  // (words,)
  const float* reach;  // (words,)
  float norm;
  float rest;
  float margin;
  float largest = 0;  // at least that of every word
  float slack = 0;    // at least reach[word] * rest + margin, of every word
};

// Words that split_tail does not gather.
struct Tail {
  double weight;          // sum of their weights
  double squared_spread;  // sum of (weight * (slope * norm + slack))^2
  std::int64_t count;     // number of ids that were gathered
};

struct Kernels {
  Isa isa;  // the instruction set of the table

  void (*matmul)(const Product& product);
  // Writes a row of x: its (4 * stride) values and its unit.
  //   x  // (count,), with room for one more vector
  void (*to_fixed)(const float* x, std::int64_t count, std::int64_t stride, std::uint8_t* values,
                   float* unit);
  void (*int8_matmul)(const Int8Product& product);
  // y = gamma * (x - mean) / (deviation + 1e-6) + beta, deviation with dim - 1 in the denominator.
  //   x, y, gamma, beta  // (dim,) padded
  void (*layer_norm)(const float* x, std::int64_t dim, const float* gamma, const float* beta,
                     float* y);
  // y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, variance with dim in the denominator.
  void (*standard_layer_norm)(const float* x, std::int64_t dim, float epsilon, const float* gamma,
                              const float* beta, float* y);
  // y = gamma * x / sqrt(mean of x^2 + epsilon); padding becomes 0.
  void (*rms_norm)(const float* x, std::int64_t dim, float epsilon, const float* gamma, float* y);
  // x = x * Phi(x), the normal distribution's; (count,), a multiple of 16.
  void (*gelu)(float* x, std::int64_t count);
  // y = gate * sigmoid(gate) * x, (count,) each, count a multiple of 16.
  void (*silu_gate)(const float* gate, const float* x, std::int64_t count, float* y);
  void (*softmax)(float* row, std::int64_t count);
  // y = sigmoid(gate) * x, (count,) each, count a multiple of 16.
  void (*gate)(const float* gate, const float* x, std::int64_t count, float* y);
  void (*attend_cache)(const CacheAttention& attention);

  void (*row_dots)(const RowDots<float>& dots);
  // The same with weights in bfloat16.
  void (*half_row_dots)(const RowDots<std::uint16_t>& dots);
  // The same with weights in int8.
  void (*int8_row_dots)(const RowDots<std::int8_t>& dots);
  void (*gathered_dots)(const GatheredDots<float>& dots);
  void (*int8_gathered_dots)(const GatheredDots<std::int8_t>& dots);
  // The largest absolute value of a plane that `screen` supports, and the most planes of all rows.
  std::int32_t max_plane_value;
  std::int64_t max_plane_vectors;
  void (*screen)(const Screen& screen);

  // maxima[g] = the largest of the values g, g + groups, ...; both counts multiples of 16.
  void (*group_maxima)(const float* values, std::int64_t count, std::int64_t groups, float* maxima);
  // The following kernels read whole vocabularies: count is a multiple of 16, and padding has the
  // score -inf.

  // Writes the ids of the words with score + bound >= threshold, ascending; returns their number.
  //   ids  // room for count + 16
  std::int64_t (*gather_possible)(const float* scores, const ScreenBound& bound, float threshold,
                                  std::int64_t count, std::int32_t* ids);
  // Writes weights = exp(rate * (scores - max)), and returns their sum; -inf gives 0.
  double (*exponentials)(const float* scores, float max, float rate, std::int64_t count,
                         float* weights);
  // Returns the sum alone; the values need no padding.
  double (*sum_exponentials)(const float* scores, float max, float rate, std::int64_t count);
  // Writes the ids of the words with weight >= cut, and sums up the others.
  Tail (*split_tail)(const float* weights, const ScreenBound& bound, float cut, std::int64_t count,
                     std::int32_t* ids);
};

// Returns the table of an instruction set that the processor supports.
const Kernels& kernels(Isa isa);

}  // namespace mime_fast::cpu
