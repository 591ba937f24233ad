#include "engine/decoder.h"

#include <algorithm>

namespace mime_fast {

using cpu::padded;

namespace {

// The newest of the three inputs in each window.
Rows newest(const Rows& windows) {
  return {windows.data + windows.stride / kTaps * (kTaps - 1), windows.count, windows.stride};
}

void forget_oldest(const Rows& windows) {
  const std::int64_t input = windows.stride / kTaps;
  for (std::int64_t row = 0; row < windows.count; ++row) {
    std::copy_n(windows.row(row) + input, (kTaps - 1) * input, windows.row(row));
  }
}

}  // namespace

Decoder::Decoder(const Weights& weights, const std::string& name, const ModelConfig& config)
    : norm_(weights, name + ".norm", config.hidden_dim),
      heads_(config.num_heads),
      width_(config.key_dim / config.num_heads) {
  const std::int64_t dim = config.hidden_dim, filter = config.filter_dim, key = config.key_dim;
  for (std::int64_t i = 0; i < config.num_layers; ++i) {
    const std::string layer = name + ".layers." + std::to_string(i);
    layers_.push_back({LayerNorm(weights, layer + ".attention_norm", dim),
                       self_attention_input(weights, layer + ".attention", config),
                       weights.linear(layer + ".attention.output", key, dim),
                       LayerNorm(weights, layer + ".cross_attention_norm", dim),
                       cross_attention_query(weights, layer + ".cross_attention", config),
                       weights.linear(layer + ".cross_attention.output", key, dim),
                       LayerNorm(weights, layer + ".feed_forward_norm", dim),
                       weights.convolution(layer + ".feed_forward.inner", dim, filter),
                       weights.convolution(layer + ".feed_forward.outer", filter, dim)});
  }
}

void Decoder::step(const cpu::Kernels& kernels, Team& team, const Rows& embedded,
                   const float* positions, DecodeState& state) const {
  const std::int64_t stride = state.dim_stride_;
  bool drafted = false;
  for (std::int64_t row = 0; row < state.rows(); ++row) {
    if (state.continues(row)) {
      const auto index = static_cast<std::size_t>(row);
      state.slots_of_[index] = state.slots_of_[index - 1];
      drafted = true;
    }
    const float* position = positions + state.position(row) * stride;
    float* x = state.x_.data() + row * stride;
    for (std::int64_t i = 0; i < stride; ++i) x[i] = embedded.row(row)[i] + position[i];
    state.push_slot(row);
  }
  // Fewer rows than this cost less on one thread than meeting the others: 7 us a row, less in
  // pairs. Rows that continue one another stay together.
  constexpr std::int64_t kRowsPerThread = 4;
  const std::int64_t unit = drafted ? state.rows() : kRowsPerThread;
  team.split(state.rows(), unit, [&](std::int64_t begin, std::int64_t end) {
    const Part part{kernels, state, begin, end};
    std::int64_t index = 0;
    for (const Layer& layer : layers_) {
      attend(part, layer, index);
      attend_memory(part, layer, index);
      feed_forward(part, layer, index);
      ++index;
    }
    const Rows x{state.x_.data(), state.rows(), stride};
    norm_.apply(kernels, part.cut(x), part.cut(state.hidden()));
  });
}

void Decoder::attend(const Part& part, const Layer& layer, std::int64_t index) const {
  DecodeState& state = part.state;
  const std::int64_t key_dim = heads_ * width_, padded_width = padded(width_);
  const Rows x = part.cut({state.x_.data(), state.rows(), state.dim_stride_});
  const Rows normed = part.cut({state.normed_.data(), state.rows(), state.dim_stride_});
  const Rows qkv = part.cut({state.qkv_.data(), state.rows(), layer.qkv.stride()});
  const Rows attended = part.cut({state.attended_.data(), state.rows(), state.attended_stride()});
  layer.attention_norm.apply(part.kernels, x, normed);
  layer.qkv.apply(part.kernels, normed, qkv);
  for (std::int64_t row = 0; row < qkv.count; ++row) {
    const auto& slots = state.slots_of_[static_cast<std::size_t>(part.begin + row)];
    float* newest_slot = state.slot(slots.back(), index);
    for (std::int64_t head = 0; head < 2 * heads_; ++head) {  // keys, then values
      std::copy_n(qkv.row(row) + key_dim + head * width_, width_,
                  newest_slot + head * padded_width);
    }
    const float* keys = state.slot(0, index);
    part.kernels.attend_slots(
        {qkv.row(row), keys, keys + heads_ * padded_width, state.layers_ * state.slot_stride_,
         slots.data(), static_cast<std::int64_t>(slots.size()), heads_, width_, padded_width,
         state.scratch_.data() + (part.begin + row) * state.scratch_stride_, attended.row(row)});
  }
  layer.attention_output.apply(part.kernels, attended, x, Matrix::Then::add);
}

void Decoder::attend_memory(const Part& part, const Layer& layer, std::int64_t index) const {
  DecodeState& state = part.state;
  const std::int64_t key_dim = heads_ * width_;
  const Rows x = part.cut({state.x_.data(), state.rows(), state.dim_stride_});
  const Rows normed = part.cut({state.normed_.data(), state.rows(), state.dim_stride_});
  // The rows of qkv_, of which other parts may still read theirs.
  const Rows query = part.cut({state.qkv_.data(), state.rows(), layer.qkv.stride()});
  const Rows attended = part.cut({state.attended_.data(), state.rows(), state.attended_stride()});
  layer.cross_attention_norm.apply(part.kernels, x, normed);
  layer.cross_query.apply(part.kernels, normed, query);
  for (std::int64_t row = 0; row < query.count; ++row) {
    const Memory& memory = *state.memories_[static_cast<std::size_t>(part.begin + row)];
    const float* keys = memory.keys.data() + index * key_dim * memory.columns;
    const float* values = memory.values.data() + index * memory.length * memory.value_stride;
    float* logits = state.scratch_.data() + (part.begin + row) * state.scratch_stride_;
    for (std::int64_t head = 0; head < heads_; ++head) {
      part.kernels.matmul({query.row(row) + head * width_, 1, 0, width_,
                           keys + head * width_ * memory.columns, memory.columns, cpu::kLanes,
                           memory.columns / cpu::kLanes, nullptr, logits, 0, false, false});
      part.kernels.softmax(logits, memory.length);
      part.kernels.matmul({logits, 1, 0, memory.length, values + head * width_, memory.value_stride,
                           cpu::kLanes, padded(width_) / cpu::kLanes, nullptr,
                           attended.row(row) + head * width_, 0, false, false});
    }
  }
  layer.cross_output.apply(part.kernels, attended, x, Matrix::Then::add);
}

void Decoder::feed_forward(const Part& part, const Layer& layer, std::int64_t index) const {
  DecodeState& state = part.state;
  const Rows x = part.cut({state.x_.data(), state.rows(), state.dim_stride_});
  const Rows inner = part.cut(state.inner_windows(index));
  const Rows outer = part.cut(state.outer_windows(index));
  layer.feed_forward_norm.apply(part.kernels, x, newest(inner));
  continue_windows(part, inner);
  layer.inner.apply(part.kernels, inner, newest(outer), Matrix::Then::relu);
  continue_windows(part, outer);
  layer.outer.apply(part.kernels, outer, x, Matrix::Then::relu_add);
  forget_oldest(inner);
  forget_oldest(outer);
}

// A row that continues the row before remembers its two newest inputs.
void Decoder::continue_windows(const Part& part, const Rows& windows) {
  const std::int64_t input = windows.stride / kTaps;
  for (std::int64_t row = 1; row < windows.count; ++row) {
    if (!part.state.continues(part.begin + row)) continue;
    std::copy_n(windows.row(row - 1) + input, (kTaps - 1) * input, windows.row(row));
  }
}

}  // namespace mime_fast
