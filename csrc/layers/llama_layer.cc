#include "layers/llama_layer.h"

#include <algorithm>
#include <cmath>

#include "layers/memory_attention.h"

namespace mime_fast {

using cpu::padded;

namespace {

constexpr float kEpsilon = 1e-5F;          // of SmolLM2's norms
constexpr double kRotationBase = 100'000;  // of its rotary positions

float query_scale(const DecoderShape& shape) {
  return static_cast<float>(1 / std::sqrt(static_cast<double>(shape.head_dim)));
}

void normalise(const cpu::Kernels& kernels, Team& team, const RmsNorm& norm, const RowView& x,
               const RowView& y) {
  team.split(x.count, 1, [&](std::int64_t begin, std::int64_t end) {
    norm.apply(kernels, x.cut(begin, end), y.cut(begin, end));
  });
}

}  // namespace

RmsNorm::RmsNorm(TensorReader& tensors, const std::string& name, std::int64_t dim)
    : dim_(dim), gamma_(padded(dim)) {
  const std::vector<float> gamma = tensors.take(name + ".weight", {dim});
  std::copy(gamma.begin(), gamma.end(), gamma_.data());
}

void RmsNorm::apply(const cpu::Kernels& kernels, const RowView& x, const RowView& y) const {
  for (std::int64_t i = 0; i < x.count; ++i) {
    kernels.rms_norm(x.row(i), dim_, kEpsilon, gamma_.data(), y.row(i));
  }
}

Rotation::Rotation(std::int64_t positions, std::int64_t head_dim) : head_dim_(head_dim) {
  for (std::int64_t position = 0; position < positions; ++position) {
    for (std::int64_t column = 0; column < head_dim; column += 2) {
      const double power = static_cast<double>(column) / static_cast<double>(head_dim);
      const double angle = static_cast<double>(position) * std::pow(kRotationBase, -power);
      cosine_.push_back(static_cast<float>(std::cos(angle)));
      sine_.push_back(static_cast<float>(std::sin(angle)));
    }
  }
}

void Rotation::apply(float* heads, std::int64_t count, std::int64_t position) const {
  const std::int64_t half = head_dim_ / 2;
  const float* const cosine = cosine_.data() + position * half;
  const float* const sine = sine_.data() + position * half;
  for (std::int64_t head = 0; head < count; ++head, heads += head_dim_) {
    for (std::int64_t i = 0; i < half; ++i) {
      const float even = heads[2 * i], odd = heads[2 * i + 1];
      heads[2 * i] = even * cosine[i] - odd * sine[i];
      heads[2 * i + 1] = even * sine[i] + odd * cosine[i];
    }
  }
}

LlamaLayer::LlamaLayer(TensorReader& tensors, const std::string& name, const DecoderShape& shape)
    : shape_(shape),
      attention_norm_(tensors, name + ".attention_norm", shape.dim),
      qkv_(tensors.int8_linears({{name + ".attention.query", shape.query_dim, query_scale(shape)},
                                 {name + ".attention.key", shape.kv_dim()},
                                 {name + ".attention.value", shape.kv_dim()}},
                                shape.dim, Bias::none)),
      attention_output_(tensors.int8_linears({{name + ".attention.output", shape.dim}},
                                             shape.query_dim, Bias::none)),
      cross_attention_norm_(tensors, name + ".cross_attention_norm", shape.dim),
      cross_query_(tensors.int8_linears(
          {{name + ".cross_attention.query", shape.query_dim, query_scale(shape)}}, shape.dim,
          Bias::none)),
      cross_output_(tensors.int8_linears({{name + ".cross_attention.output", shape.dim}},
                                         shape.query_dim, Bias::none)),
      feed_forward_norm_(tensors, name + ".feed_forward_norm", shape.dim),
      gate_up_(tensors.int8_linears({{name + ".feed_forward.gate", shape.filter_dim / 2},
                                     {name + ".feed_forward.up", shape.filter_dim / 2}},
                                    shape.dim, Bias::none)),
      down_(tensors.int8_linears({{name + ".feed_forward.down", shape.dim}}, shape.filter_dim / 2,
                                 Bias::none)) {}

void LlamaLayer::step(const cpu::Kernels& kernels, Team& team, const Rotation& rotation,
                      std::int32_t layer, DecodeState& state) const {
  attend(kernels, team, rotation, layer, state);
  attend_memory(kernels, team, layer, state);
  feed_forward(kernels, team, state);
}

void LlamaLayer::attend(const cpu::Kernels& kernels, Team& team, const Rotation& rotation,
                        std::int32_t layer, DecodeState& state) const {
  StepBuffers& buffers = state.buffers();
  const RowView x = state.x(), normed = buffers.cut(buffers.normed, 0, x.count);
  const RowView qkv = buffers.cut(buffers.qkv, 0, x.count);
  const RowView attended = buffers.cut(buffers.attended, 0, x.count);
  const std::int64_t heads = shape_.query_dim / shape_.head_dim;
  const std::int64_t padded_width = padded(shape_.head_dim);
  normalise(kernels, team, attention_norm_, x, normed);
  qkv_.apply(kernels, team, normed, qkv);
  for (std::int64_t row = 0; row < x.count; ++row) {
    rotation.apply(qkv.row(row), heads + shape_.kv_heads, state.position(row) - 1);
    float* newest = state.kv(state.kv_positions(row).back(), layer);
    for (std::int64_t head = 0; head < 2 * shape_.kv_heads; ++head) {  // keys, then values
      std::copy_n(qkv.row(row) + shape_.query_dim + head * shape_.head_dim, shape_.head_dim,
                  newest + head * padded_width);
    }
  }
  team.split(x.count, 1, [&](std::int64_t begin, std::int64_t end) {
    const float* keys = state.kv(0, layer);
    for (std::int64_t row = begin; row < end; ++row) {
      const std::vector<std::int32_t>& kv_positions = state.kv_positions(row);
      kernels.attend_cache({.query = qkv.row(row),
                            .keys = keys,
                            .values = keys + shape_.kv_heads * padded_width,
                            .kv_stride = state.kv_stride(),
                            .kv_positions = kv_positions.data(),
                            .count = static_cast<std::int64_t>(kv_positions.size()),
                            .heads = heads,
                            .group = heads / shape_.kv_heads,
                            .width = shape_.head_dim,
                            .padded_width = padded_width,
                            .scratch = state.scratch(row),
                            .out = attended.row(row)});
    }
  });
  attention_output_.apply(kernels, team, attended, x, Int8Matrix::Then::add);
}

void LlamaLayer::attend_memory(const cpu::Kernels& kernels, Team& team, std::int32_t layer,
                               DecodeState& state) const {
  StepBuffers& buffers = state.buffers();
  const RowView x = state.x(), normed = buffers.cut(buffers.normed, 0, x.count);
  const RowView query = buffers.cut(buffers.qkv, 0, x.count);
  const RowView attended = buffers.cut(buffers.attended, 0, x.count);
  const std::int64_t width = shape_.head_dim, heads = shape_.query_dim / width;
  normalise(kernels, team, cross_attention_norm_, x, normed);
  cross_query_.apply(kernels, team, normed, query);
  team.split(x.count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      mime_fast::attend_memory(kernels, state.memory(row), layer,
                               {.query = query.row(row),
                                .heads = heads,
                                .group = heads / shape_.kv_heads,
                                .width = width,
                                .scratch = state.scratch(row),
                                .out = attended.row(row)});
    }
  });
  cross_output_.apply(kernels, team, attended, x, Int8Matrix::Then::add);
}

void LlamaLayer::feed_forward(const cpu::Kernels& kernels, Team& team, DecodeState& state) const {
  StepBuffers& buffers = state.buffers();
  const RowView x = state.x(), normed = buffers.cut(buffers.normed, 0, x.count);
  const RowView hidden = buffers.cut(buffers.outer, 0, x.count);
  const std::int64_t half = shape_.filter_dim / 2;
  normalise(kernels, team, feed_forward_norm_, x, normed);
  gate_up_.apply(kernels, team, normed, hidden);
  team.split(x.count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      float* const gate = hidden.row(row);
      kernels.silu_gate(gate, gate + half, half, gate);
    }
  });
  down_.apply(kernels, team, hidden, x, Int8Matrix::Then::add);
}

}  // namespace mime_fast
