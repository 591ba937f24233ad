#include "layers/decoder_layer.h"

#include <algorithm>

namespace mime_fast {

using cpu::padded;

namespace {

constexpr std::int64_t kKept = kTaps - 1;  // inputs of a convolution that the next step needs

// The newest of the three inputs in each window.
Rows newest(const Rows& windows) {
  return {windows.data + windows.stride / kTaps * kKept, windows.count, windows.stride};
}

// The older two: those that the row keeps, or of a row that continues the row before, the newer two
// of that one. offset: of this convolution's, in what a row keeps.
void remember(const LaneWork& work, const Rows& windows, std::int64_t offset) {
  const std::int64_t input = windows.stride / kTaps;
  for (std::int64_t i = 0; i < windows.count; ++i) {
    const auto [row, cache] = work.lanes()[i];
    const float* kept = work.state.continues(row) ? windows.row(i - 1) + input
                                                  : work.state.recent(row, cache) + offset;
    std::copy_n(kept, kKept * input, windows.row(i));
  }
}

void keep(const LaneWork& work, const Rows& windows, std::int64_t offset) {
  const std::int64_t input = windows.stride / kTaps;
  for (std::int64_t i = 0; i < windows.count; ++i) {
    const auto [row, cache] = work.lanes()[i];
    std::copy_n(windows.row(i) + input, kKept * input, work.state.recent(row, cache) + offset);
  }
}

}  // namespace

DecoderLayer::DecoderLayer(Weights& weights, const std::string& name, const StackConfig& config)
    : heads_(config.num_heads),
      width_(config.key_dim / config.num_heads),
      attention_norm_(weights, name + ".attention_norm", config.hidden_dim),
      qkv_(self_attention_input(weights, name + ".attention", config)),
      attention_output_(weights.linear(name + ".attention.output", config.key_dim,
                                       config.hidden_dim, Bias::none)),
      cross_attention_norm_(weights, name + ".cross_attention_norm", config.hidden_dim),
      cross_query_(cross_attention_query(weights, name + ".cross_attention", config)),
      cross_output_(weights.linear(name + ".cross_attention.output", config.key_dim,
                                   config.hidden_dim, Bias::none)),
      feed_forward_norm_(weights, name + ".feed_forward_norm", config.hidden_dim),
      inner_(
          weights.convolution(name + ".feed_forward.inner", config.hidden_dim, config.filter_dim)),
      outer_(weights.convolution(name + ".feed_forward.outer", config.filter_dim,
                                 config.hidden_dim)) {}

void DecoderLayer::step(const LaneWork& work) const {
  attend(work);
  attend_memory(work);
  feed_forward(work);
}

void DecoderLayer::attend(const LaneWork& work) const {
  DecodeState& state = work.state;
  StepBuffers& buffers = state.buffers();
  const std::int64_t key_dim = heads_ * width_, padded_width = padded(width_);
  const Rows normed = work.cut(buffers.normed), qkv = work.cut(buffers.qkv);
  const Rows attended = work.cut(buffers.attended);
  attention_norm_.apply(work.kernels, work.x, normed);
  qkv_.apply(work.kernels, normed, qkv);
  for (std::int64_t i = 0; i < qkv.count; ++i) {
    const auto [row, cache] = work.lanes()[i];
    const std::vector<std::int32_t>& slots = state.slots(row);
    float* newest_slot = state.slot(slots.back(), cache);
    for (std::int64_t head = 0; head < 2 * heads_; ++head) {  // keys, then values
      std::copy_n(qkv.row(i) + key_dim + head * width_, width_, newest_slot + head * padded_width);
    }
    const float* keys = state.slot(0, cache);
    work.kernels.attend_slots({.query = qkv.row(i),
                               .keys = keys,
                               .values = keys + heads_ * padded_width,
                               .slot_stride = state.slot_step(),
                               .slots = slots.data(),
                               .count = static_cast<std::int64_t>(slots.size()),
                               .heads = heads_,
                               .width = width_,
                               .padded_width = padded_width,
                               .scratch = state.scratch(work.first + i),
                               .out = attended.row(i)});
  }
  attention_output_.apply(work.kernels, attended, work.x, Matrix::Then::add);
}

void DecoderLayer::attend_memory(const LaneWork& work) const {
  StepBuffers& buffers = work.state.buffers();
  const std::int64_t key_dim = heads_ * width_;
  const Rows normed = work.cut(buffers.normed), attended = work.cut(buffers.attended);
  const Rows query = work.cut(buffers.qkv);
  cross_attention_norm_.apply(work.kernels, work.x, normed);
  cross_query_.apply(work.kernels, normed, query);
  for (std::int64_t i = 0; i < query.count; ++i) {
    const auto [row, cache] = work.lanes()[i];
    const Memory& memory = work.state.memory(row);
    const float* keys = memory.keys.data() + cache * key_dim * memory.columns;
    const float* values = memory.values.data() + cache * memory.length * memory.value_stride;
    float* logits = work.state.scratch(work.first + i);
    for (std::int64_t head = 0; head < heads_; ++head) {
      work.kernels.matmul({.x = query.row(i) + head * width_,
                           .rows = 1,
                           .x_stride = 0,
                           .inner = width_,
                           .w = keys + head * width_ * memory.columns,
                           .w_stride = memory.columns,
                           .panel_stride = cpu::kLanes,
                           .panels = memory.columns / cpu::kLanes,
                           .y = logits,
                           .y_stride = 0});
      work.kernels.softmax(logits, memory.length);
      work.kernels.matmul({.x = logits,
                           .rows = 1,
                           .x_stride = 0,
                           .inner = memory.length,
                           .w = values + head * width_,
                           .w_stride = memory.value_stride,
                           .panel_stride = cpu::kLanes,
                           .panels = padded(width_) / cpu::kLanes,
                           .y = attended.row(i) + head * width_,
                           .y_stride = 0});
    }
  }
  cross_output_.apply(work.kernels, attended, work.x, Matrix::Then::add);
}

void DecoderLayer::feed_forward(const LaneWork& work) const {
  StepBuffers& buffers = work.state.buffers();
  const Rows inner = work.cut(buffers.inner), outer = work.cut(buffers.outer);
  const std::int64_t outer_offset = kKept * inner.stride / kTaps;
  feed_forward_norm_.apply(work.kernels, work.x, newest(inner));
  remember(work, inner, 0);
  inner_.apply(work.kernels, inner, newest(outer), Matrix::Then::relu);
  remember(work, outer, outer_offset);
  outer_.apply(work.kernels, outer, work.x, Matrix::Then::relu_add);
  keep(work, inner, 0);
  keep(work, outer, outer_offset);
}

}  // namespace mime_fast
