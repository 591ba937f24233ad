#include "layers/int8_matrix.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "io/checkpoint_error.h"

namespace mime_fast {

using cpu::kLanes;

namespace {

constexpr std::int64_t kRowsAtOnce = 1024;  // bounds what the rows in fixed point take
constexpr std::int64_t kRowsToShare = 4;    // fewer are converted before helpers have woken up

std::int64_t checked_inner(std::int64_t inner) {
  if (inner <= cpu::kMaxFixedInner) return inner;
  throw CheckpointError("a matrix in int8 has " + std::to_string(inner) + " inputs, more than " +
                        std::to_string(cpu::kMaxFixedInner) + "; use engine='eager'");
}

}  // namespace

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
    : inner_(checked_inner(inner)),
      fixed_stride_(cpu::round_up(inner, cpu::kFixedStride)),
      panels_(cpu::round_up(outputs, kLanes) / kLanes),
      weights_(panels_ * fixed_stride_ * kLanes, Pages::huge),
      shift_(panels_ * kLanes),
      scale_(panels_ * kLanes),
      bias_(panels_ * kLanes) {}

void Int8Matrix::set(const Int8Weights& source, std::int64_t first_column,
                     std::int64_t first_output, float factor) {
  for (std::int64_t row = 0; row < source.rows; ++row) {
    const std::int64_t output = first_output + row;
    const std::int8_t* in = source.values.data() + row * source.columns + first_column;
    std::int8_t* out =
        weights_.data() + output / kLanes * fixed_stride_ * kLanes + output % kLanes * 4;
    const std::int64_t whole = inner_ / 4 * 4;
    for (std::int64_t i = 0; i < whole; i += 4) std::memcpy(out + i * kLanes, in + i, 4);
    std::copy_n(in + whole, inner_ - whole, out + whole * kLanes);
    std::int32_t sum = 0;  // at most 128 * cpu::kMaxFixedInner
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < inner_; ++i) sum += in[i];
    shift_[output] = static_cast<double>(std::int64_t{sum} * cpu::kFixedShift);
    scale_[output] = source.scale[static_cast<std::size_t>(row)] * factor;
  }
}

void Int8Matrix::set_bias(const float* bias, std::int64_t count, std::int64_t first_output,
                          float factor) {
  for (std::int64_t i = 0; i < count; ++i) bias_[first_output + i] = bias[i] * factor;
}

void Int8Matrix::apply(const cpu::Kernels& kernels, Team& team, const ConstRowView& x,
                       const RowView& y, Then then) const {
  for (std::int64_t row = 0; row < x.count; row += kRowsAtOnce) {
    const std::int64_t end = std::min(row + kRowsAtOnce, x.count);
    apply_to_few(kernels, team, {x.data + row * x.stride, end - row, x.stride}, y.cut(row, end),
                 then);
  }
}

void Int8Matrix::apply_to_few(const cpu::Kernels& kernels, Team& team, const ConstRowView& x,
                              const RowView& y, Then then) const {
  const std::int64_t row_bytes = 4 * fixed_stride_;
  auto values = Buffer<std::uint8_t>::uninitialised(x.count * row_bytes);
  auto unit = Buffer<float>::uninitialised(x.count);
  const auto fix = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      kernels.to_fixed(x.data + row * x.stride, inner_, fixed_stride_,
                       values.data() + row * row_bytes, unit.data() + row);
    }
  };
  if (x.count < kRowsToShare) {
    fix(0, x.count);
  } else {
    team.split(x.count, 1, fix);
  }
  team.split(panels_, 2, [&](std::int64_t begin, std::int64_t end) {
    kernels.int8_matmul({.x = {values.data(), fixed_stride_, unit.data()},
                         .rows = x.count,
                         .w = weights_.data() + begin * fixed_stride_ * kLanes,
                         .shift = shift_.data() + begin * kLanes,
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
