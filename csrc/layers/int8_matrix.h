#pragma once

#include <cstdint>
#include <vector>

#include "layers/matrix.h"
#include "runtime/buffer.h"

namespace mime_fast {

// A matrix as it is stored: element (row, column) is values[row * columns + column] * scale[row].
struct Int8Weights {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<std::int8_t> values;
  std::vector<float> scale;  // (rows,)

  // Writes a row in float32.
  void copy_row(std::int64_t row, float* out) const;
  // Returns all rows in float32.
  std::vector<float> to_float() const;
};

// A linear map with weights in int8 and a scale for each output, packed for cpu::Int8Product:
// panels of 16 outputs, each four inputs of all outputs after another.
class Int8Matrix {
 public:
  Int8Matrix() = default;
  // Zero weights for `inner` inputs, to be filled with set(). Throws CheckpointError if there are
  // more than cpu::kMaxFixedInner.
  Int8Matrix(std::int64_t inner, std::int64_t outputs);

  // Puts columns [first_column, first_column + inner) of stored weights at the first output, their
  // scales times a factor.
  void set(const Int8Weights& source, std::int64_t first_column, std::int64_t first_output,
           float factor = 1.0F);
  void set_bias(const float* bias, std::int64_t count, std::int64_t first_output,
                float factor = 1.0F);

  std::int64_t stride() const { return panels_ * cpu::kLanes; }  // floats of a row of outputs

  enum class Then { store, relu, add };
  // y = W x + bias, then the operation of Then; `add` adds the old y.
  void apply(const cpu::Kernels& kernels, Team& team, const ConstRowView& x, const RowView& y,
             Then then = Then::store) const;

 private:
  void apply_to_few(const cpu::Kernels& kernels, Team& team, const ConstRowView& x,
                    const RowView& y, Then then) const;

  std::int64_t inner_ = 0;
  std::int64_t fixed_stride_ = 0;
  std::int64_t panels_ = 0;
  Buffer<std::int8_t> weights_;  // (panels, fixed stride / 4, 16, 4)
  Buffer<double> shift_;         // (panels, 16)
  Buffer<float> scale_;          // (panels, 16)
  Buffer<float> bias_;           // (panels, 16)
};

}  // namespace mime_fast
