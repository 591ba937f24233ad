#pragma once

#include <cstdint>
#include <vector>

#include "cpu/kernels.h"
#include "runtime/buffer.h"
#include "runtime/thread_pool.h"

namespace mime_fast {

// Rows of floats, each padded with zeros to whole vectors.
struct RowView {
  float* data;  // (count, stride)
  std::int64_t count;
  std::int64_t stride;

  float* row(std::int64_t i) const { return data + i * stride; }
  RowView cut(std::int64_t begin, std::int64_t end) const {
    return {row(begin), end - begin, stride};
  }
};

// Rows of floats that are only read.
struct ConstRowView {
  const float* data;  // (count, stride)
  std::int64_t count;
  std::int64_t stride;

  ConstRowView(const float* rows, std::int64_t rows_count, std::int64_t rows_stride)
      : data(rows), count(rows_count), stride(rows_stride) {}
  ConstRowView(const RowView& rows) : ConstRowView(rows.data, rows.count, rows.stride) {}
};

// A block of weights in memory: element (output, input) lies at
// output * output_stride + input * input_stride.
struct WeightBlock {
  const float* data;
  std::int64_t outputs;
  std::int64_t inputs;
  std::int64_t output_stride;
  std::int64_t input_stride = 1;
};

// A linear map, packed for cpu::Product: panels of 16 outputs, each (inner, 16).
class Matrix {
 public:
  Matrix() = default;
  // Zero weights for `inner` inputs, to be filled with set().
  Matrix(std::int64_t inner, std::int64_t outputs);

  // Puts a block of weights at (first input, first output), times `factor`.
  void set(const WeightBlock& source, std::int64_t first_input, std::int64_t first_output,
           float factor = 1.0F);
  void set_bias(const float* bias, std::int64_t count, std::int64_t first_output);

  std::int64_t inner() const { return inner_; }
  std::int64_t stride() const { return panels_ * cpu::kLanes; }  // floats of a row of outputs

  enum class Then { store, relu, add, relu_add };
  // y = W x + bias, then the operation of Then; `add` adds the old y. x.stride may be shorter than
  // inner: windows of a convolution overlap.
  void apply(const cpu::Kernels& kernels, Team& team, const ConstRowView& x, const RowView& y,
             Then then = Then::store) const;
  void apply(const cpu::Kernels& kernels, const ConstRowView& x, const RowView& y,
             Then then = Then::store) const;

 private:
  cpu::Product product(const ConstRowView& x, const RowView& y, Then then) const;

  std::int64_t inner_ = 0;
  std::int64_t panels_ = 0;
  Buffer<float> weights_;  // (panels, inner, 16)
  Buffer<float> bias_;     // (panels, 16)
};

// Multiplies left (rows, inner) by right (inner, columns), accumulated in double. Loading a model
// folds matrices into one with it.
std::vector<float> multiply(const float* left, std::int64_t rows, const float* right,
                            std::int64_t inner, std::int64_t columns);

}  // namespace mime_fast
