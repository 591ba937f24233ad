#include "layers/encoder.h"

#include <algorithm>

namespace mime_fast {

using cpu::padded;

namespace {

// Heads are written as whole vectors, one behind the other: the last vector needs padding.
std::int64_t attended_stride(std::int64_t key_dim, std::int64_t width) {
  return padded(key_dim - width + padded(width));
}

void normalise(const cpu::Kernels& kernels, Team& team, const LayerNorm& norm, const RowView& x,
               const RowView& y) {
  team.split(x.count, 1, [&](std::int64_t begin, std::int64_t end) {
    norm.apply(kernels, x.cut(begin, end), y.cut(begin, end));
  });
}

// Returns the rows of a convolution with three taps. The row behind the last one is cleared,
// because a longer sequence may have written it; the row before the first one stays zero.
RowView framed(Buffer<float>& buffer, std::int64_t length, std::int64_t stride) {
  std::fill_n(buffer.data() + (length + 1) * stride, stride, 0.0F);
  return {buffer.data() + stride, length, stride};
}

RowView windows(const RowView& rows) { return {rows.data - rows.stride, rows.count, rows.stride}; }

}  // namespace

EncoderScratch::EncoderScratch(const StackConfig& config, std::int64_t length)
    : normed((length + 2) * padded(config.hidden_dim)),
      hidden((length + 2) * padded(config.filter_dim)),
      qkv(length * padded(3 * config.key_dim)),
      keys(config.key_dim * padded(length)),
      logits(length * padded(length)),
      attended(length * attended_stride(config.key_dim, config.key_dim / config.num_heads)) {}

Encoder::Encoder(TensorReader& tensors, const std::string& name, const StackConfig& config)
    : norm_(tensors, name + ".norm", config.hidden_dim),
      heads_(config.num_heads),
      width_(config.key_dim / config.num_heads) {
  const std::int64_t dim = config.hidden_dim, filter = config.filter_dim;
  for (std::int64_t i = 0; i < config.num_layers; ++i) {
    const std::string layer = name + ".layers." + std::to_string(i);
    layers_.push_back({LayerNorm(tensors, layer + ".attention_norm", dim),
                       self_attention_input(tensors, layer + ".attention", config),
                       tensors.linear(layer + ".attention.output", config.key_dim, dim, Bias::none),
                       LayerNorm(tensors, layer + ".feed_forward_norm", dim),
                       tensors.convolution(layer + ".feed_forward.inner", dim, filter),
                       tensors.convolution(layer + ".feed_forward.outer", filter, dim)});
  }
}

void Encoder::apply(const cpu::Kernels& kernels, Team& team, const RowView& x,
                    EncoderScratch& scratch, const RowView& out) const {
  for (const Layer& layer : layers_) {
    attend(kernels, team, layer, x, scratch);
    feed_forward(kernels, team, layer, x, scratch);
  }
  normalise(kernels, team, norm_, x, out);
}

void Encoder::attend(const cpu::Kernels& kernels, Team& team, const Layer& layer, const RowView& x,
                     EncoderScratch& scratch) const {
  const std::int64_t length = x.count, columns = padded(length), key_dim = heads_ * width_;
  const RowView normed = framed(scratch.normed, length, x.stride);
  const RowView qkv{scratch.qkv.data(), length, layer.qkv.stride()};
  const RowView attended{scratch.attended.data(), length, attended_stride(key_dim, width_)};
  normalise(kernels, team, layer.attention_norm, x, normed);
  layer.qkv.apply(kernels, team, normed, qkv);
  for (std::int64_t t = 0; t < length; ++t) {
    const float* key = qkv.row(t) + key_dim;
    for (std::int64_t i = 0; i < key_dim; ++i) scratch.keys[i * columns + t] = key[i];
  }
  team.split(length, 1, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t count = end - begin;
    for (std::int64_t head = 0; head < heads_; ++head) {
      const float* query = qkv.row(begin) + head * width_;
      float* logits = scratch.logits.data() + begin * columns;
      kernels.matmul({.x = query,
                      .rows = count,
                      .x_stride = qkv.stride,
                      .inner = width_,
                      .w = scratch.keys.data() + head * width_ * columns,
                      .w_stride = columns,
                      .panel_stride = cpu::kLanes,
                      .panels = columns / cpu::kLanes,
                      .y = logits,
                      .y_stride = columns});
      for (std::int64_t t = 0; t < count; ++t) kernels.softmax(logits + t * columns, length);
      kernels.matmul({.x = logits,
                      .rows = count,
                      .x_stride = columns,
                      .inner = length,
                      .w = qkv.row(0) + 2 * key_dim + head * width_,
                      .w_stride = qkv.stride,
                      .panel_stride = cpu::kLanes,
                      .panels = padded(width_) / cpu::kLanes,
                      .y = attended.row(begin) + head * width_,
                      .y_stride = attended.stride});
    }
  });
  layer.output.apply(kernels, team, attended, x, Matrix::Then::add);
}

void Encoder::feed_forward(const cpu::Kernels& kernels, Team& team, const Layer& layer,
                           const RowView& x, EncoderScratch& scratch) const {
  const RowView normed = framed(scratch.normed, x.count, x.stride);
  const RowView hidden = framed(scratch.hidden, x.count, layer.inner.stride());
  normalise(kernels, team, layer.feed_forward_norm, x, normed);
  layer.inner.apply(kernels, team, windows(normed), hidden, Matrix::Then::relu);
  layer.outer.apply(kernels, team, windows(hidden), x, Matrix::Then::relu_add);
}

}  // namespace mime_fast
