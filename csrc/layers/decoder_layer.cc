#include "layers/decoder_layer.h"

#include <algorithm>

#include "layers/memory_attention.h"

namespace mime_fast {

using cpu::padded;

namespace {

constexpr std::int64_t kKept = kTaps - 1;  // inputs of a convolution that the next step reads

// Returns the newest of the three inputs in each window.
RowView newest(const RowView& windows) {
  return {windows.data + windows.stride / kTaps * kKept, windows.count, windows.stride};
}

// Fills in the older two inputs of each window: those of the convolution state, or for a draft row
// the newer two of the row before. offset: where this convolution begins in the state.
void load_conv_state(const LayerBatch& work, const RowView& windows, std::int64_t offset) {
  const std::int64_t input = windows.stride / kTaps;
  for (std::int64_t i = 0; i < windows.count; ++i) {
    const auto [row, cache] = work.row_caches()[i];
    const float* kept = work.state.is_draft_row(row) ? windows.row(i - 1) + input
                                                     : work.state.conv_state(row, cache) + offset;
    std::copy_n(kept, kKept * input, windows.row(i));
  }
}

void store_conv_state(const LayerBatch& work, const RowView& windows, std::int64_t offset) {
  const std::int64_t input = windows.stride / kTaps;
  for (std::int64_t i = 0; i < windows.count; ++i) {
    const auto [row, cache] = work.row_caches()[i];
    std::copy_n(windows.row(i) + input, kKept * input, work.state.conv_state(row, cache) + offset);
  }
}

}  // namespace

DecoderLayer::DecoderLayer(TensorReader& tensors, const std::string& name,
                           const StackConfig& config)
    : heads_(config.num_heads),
      width_(config.key_dim / config.num_heads),
      attention_norm_(tensors, name + ".attention_norm", config.hidden_dim),
      qkv_(self_attention_input(tensors, name + ".attention", config)),
      attention_output_(tensors.linear(name + ".attention.output", config.key_dim,
                                       config.hidden_dim, Bias::none)),
      cross_attention_norm_(tensors, name + ".cross_attention_norm", config.hidden_dim),
      cross_query_(cross_attention_query(tensors, name + ".cross_attention", config)),
      cross_output_(tensors.linear(name + ".cross_attention.output", config.key_dim,
                                   config.hidden_dim, Bias::none)),
      feed_forward_norm_(tensors, name + ".feed_forward_norm", config.hidden_dim),
      inner_(
          tensors.convolution(name + ".feed_forward.inner", config.hidden_dim, config.filter_dim)),
      outer_(tensors.convolution(name + ".feed_forward.outer", config.filter_dim,
                                 config.hidden_dim)) {}

void DecoderLayer::step(const LayerBatch& work) const {
  attend(work);
  attend_memory(work);
  feed_forward(work);
}

void DecoderLayer::attend(const LayerBatch& work) const {
  DecodeState& state = work.state;
  StepBuffers& buffers = state.buffers();
  const std::int64_t key_dim = heads_ * width_, padded_width = padded(width_);
  const RowView normed = work.cut(buffers.normed), qkv = work.cut(buffers.qkv);
  const RowView attended = work.cut(buffers.attended);
  attention_norm_.apply(work.kernels, work.x, normed);
  qkv_.apply(work.kernels, normed, qkv);
  for (std::int64_t i = 0; i < qkv.count; ++i) {
    const auto [row, cache] = work.row_caches()[i];
    const std::vector<std::int32_t>& kv_positions = state.kv_positions(row);
    float* newest = state.kv(kv_positions.back(), cache);
    for (std::int64_t head = 0; head < 2 * heads_; ++head) {  // keys, then values
      std::copy_n(qkv.row(i) + key_dim + head * width_, width_, newest + head * padded_width);
    }
    const float* keys = state.kv(0, cache);
    work.kernels.attend_cache({.query = qkv.row(i),
                               .keys = keys,
                               .values = keys + heads_ * padded_width,
                               .kv_stride = state.kv_stride(),
                               .kv_positions = kv_positions.data(),
                               .count = static_cast<std::int64_t>(kv_positions.size()),
                               .heads = heads_,
                               .width = width_,
                               .padded_width = padded_width,
                               .scratch = state.scratch(work.first + i),
                               .out = attended.row(i)});
  }
  attention_output_.apply(work.kernels, attended, work.x, Matrix::Then::add);
}

void DecoderLayer::attend_memory(const LayerBatch& work) const {
  StepBuffers& buffers = work.state.buffers();
  const RowView normed = work.cut(buffers.normed), attended = work.cut(buffers.attended);
  const RowView query = work.cut(buffers.qkv);
  cross_attention_norm_.apply(work.kernels, work.x, normed);
  cross_query_.apply(work.kernels, normed, query);
  for (std::int64_t i = 0; i < query.count; ++i) {
    const auto [row, cache] = work.row_caches()[i];
    mime_fast::attend_memory(work.kernels, work.state.memory(row), cache,
                             {.query = query.row(i),
                              .heads = heads_,
                              .width = width_,
                              .scratch = work.state.scratch(work.first + i),
                              .out = attended.row(i)});
  }
  cross_output_.apply(work.kernels, attended, work.x, Matrix::Then::add);
}

void DecoderLayer::feed_forward(const LayerBatch& work) const {
  StepBuffers& buffers = work.state.buffers();
  const RowView inner = work.cut(buffers.inner), outer = work.cut(buffers.outer);
  const std::int64_t outer_offset = kKept * inner.stride / kTaps;
  feed_forward_norm_.apply(work.kernels, work.x, newest(inner));
  load_conv_state(work, inner, 0);
  inner_.apply(work.kernels, inner, newest(outer), Matrix::Then::relu);
  load_conv_state(work, outer, outer_offset);
  outer_.apply(work.kernels, outer, work.x, Matrix::Then::relu_add);
  store_conv_state(work, inner, 0);
  store_conv_state(work, outer, outer_offset);
}

}  // namespace mime_fast
