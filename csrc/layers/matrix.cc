#include "layers/matrix.h"

#include <algorithm>

namespace mime_fast {

using cpu::kLanes;

Matrix::Matrix(std::int64_t inner, std::int64_t outputs)
    : inner_(inner),
      panels_(cpu::round_up(outputs, kLanes) / kLanes),
      weights_(panels_ * inner * kLanes, Pages::huge),
      bias_(panels_ * kLanes) {}

void Matrix::set(const WeightBlock& source, std::int64_t first_input, std::int64_t first_output,
                 float factor) {
  for (std::int64_t o = 0; o < source.outputs; ++o) {
    const std::int64_t column = first_output + o;
    float* out =
        weights_.data() + (column / kLanes * inner_ + first_input) * kLanes + column % kLanes;
    const float* in = source.data + o * source.output_stride;
    for (std::int64_t i = 0; i < source.inputs; ++i) {
      out[i * kLanes] = in[i * source.input_stride] * factor;
    }
  }
}

void Matrix::set_bias(const float* bias, std::int64_t count, std::int64_t first_output) {
  std::copy(bias, bias + count, bias_.data() + first_output);
}

cpu::Product Matrix::product(const ConstRowView& x, const RowView& y, Then then) const {
  return {.x = x.data,
          .rows = x.count,
          .x_stride = x.stride,
          .inner = inner_,
          .w = weights_.data(),
          .w_stride = kLanes,
          .panel_stride = inner_ * kLanes,
          .panels = panels_,
          .bias = bias_.data(),
          .y = y.data,
          .y_stride = y.stride,
          .relu = then == Then::relu || then == Then::relu_add,
          .add = then == Then::add || then == Then::relu_add};
}

void Matrix::apply(const cpu::Kernels& kernels, Team& team, const ConstRowView& x, const RowView& y,
                   Then then) const {
  const cpu::Product whole = product(x, y, then);
  // At least two panels: fewer leave half of the multiply-add units idle.
  team.split(panels_, 2, [&](std::int64_t begin, std::int64_t end) {
    cpu::Product part = whole;
    part.w += begin * part.panel_stride;
    part.bias += begin * kLanes;
    part.y += begin * kLanes;
    part.panels = end - begin;
    kernels.matmul(part);
  });
}

void Matrix::apply(const cpu::Kernels& kernels, const ConstRowView& x, const RowView& y,
                   Then then) const {
  kernels.matmul(product(x, y, then));
}

std::vector<float> multiply(const float* left, std::int64_t rows, const float* right,
                            std::int64_t inner, std::int64_t columns) {
  std::vector<float> result(static_cast<std::size_t>(rows * columns));
  std::vector<double> sums(static_cast<std::size_t>(columns));
  float* out = result.data();
  for (std::int64_t r = 0; r < rows; ++r) {
    std::fill(sums.begin(), sums.end(), 0.0);
    for (std::int64_t k = 0; k < inner; ++k) {
      const double factor = left[r * inner + k];
      const float* row = right + k * columns;
      for (std::size_t c = 0; c < sums.size(); ++c) sums[c] += factor * row[c];
    }
    for (const double sum : sums) *out++ = static_cast<float>(sum);
  }
  return result;
}

}  // namespace mime_fast
