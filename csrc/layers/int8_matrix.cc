#include "layers/int8_matrix.h"

namespace mime_fast {

using cpu::kLanes;

void Int8Weights::copy_row(std::int64_t row, float* out) const {
  const std::int8_t* const stored = values.data() + row * columns;
  const float factor = scale[static_cast<std::size_t>(row)];
  for (std::int64_t i = 0; i < columns; ++i) out[i] = static_cast<float>(stored[i]) * factor;
}

std::vector<float> Int8Weights::to_float() const {
  std::vector<float> result(values.size());
  for (std::int64_t row = 0; row < rows; ++row) copy_row(row, result.data() + row * columns);
  return result;
}

Int8Matrix::Int8Matrix(std::int64_t inner, std::int64_t outputs)
    : inner_(inner),
      panels_(cpu::round_up(outputs, kLanes) / kLanes),
      weights_(panels_ * inner * kLanes, Pages::huge),
      scale_(panels_ * kLanes),
      bias_(panels_ * kLanes) {}

void Int8Matrix::set(const Int8Weights& source, std::int64_t first_column,
                     std::int64_t first_output, float factor) {
  for (std::int64_t row = 0; row < source.rows; ++row) {
    const std::int64_t output = first_output + row;
    const std::int8_t* in = source.values.data() + row * source.columns + first_column;
    std::int8_t* out = weights_.data() + output / kLanes * inner_ * kLanes + output % kLanes;
    for (std::int64_t i = 0; i < inner_; ++i) out[i * kLanes] = in[i];
    scale_[output] = source.scale[static_cast<std::size_t>(row)] * factor;
  }
}

void Int8Matrix::set_bias(const float* bias, std::int64_t count, std::int64_t first_output,
                          float factor) {
  for (std::int64_t i = 0; i < count; ++i) bias_[first_output + i] = bias[i] * factor;
}

void Int8Matrix::apply(const cpu::Kernels& kernels, Team& team, const ConstRowView& x,
                       const RowView& y, Then then) const {
  team.split(panels_, 2, [&](std::int64_t begin, std::int64_t end) {
    kernels.int8_matmul({.x = x.data,
                         .rows = x.count,
                         .x_stride = x.stride,
                         .inner = inner_,
                         .w = weights_.data() + begin * inner_ * kLanes,
                         .w_stride = kLanes,
                         .panel_stride = inner_ * kLanes,
                         .panels = end - begin,
                         .scale = scale_.data() + begin * kLanes,
                         .bias = bias_.data() + begin * kLanes,
                         .y = y.data + begin * kLanes,
                         .y_stride = y.stride,
                         .relu = then == Then::relu,
                         .add = then == Then::add});
  });
}

}  // namespace mime_fast
