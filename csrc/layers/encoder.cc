#include "layers/encoder.h"

#include <algorithm>

namespace mime_fast {

using cpu::padded;

namespace {

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
      attention(config.key_dim, config.num_heads, length) {}

Encoder::Encoder(TensorReader& tensors, const std::string& name, const StackConfig& config)
    : norm_(tensors, name + ".norm", config.hidden_dim),
      heads_(config.num_heads),
      width_(config.key_dim / config.num_heads) {
  const std::int64_t dim = config.hidden_dim, filter = config.filter_dim;
  for (std::int64_t i = 0; i < config.num_layers; ++i) {
    const std::string layer = name + ".layers." + std::to_string(i);
    layers_.push_back(
        {.attention_norm = LayerNorm(tensors, layer + ".attention_norm", dim),
         .qkv = self_attention_input(tensors, layer + ".attention", config),
         .output = tensors.linear(layer + ".attention.output", config.key_dim, dim, Bias::none),
         .feed_forward_norm = LayerNorm(tensors, layer + ".feed_forward_norm", dim),
         .inner = tensors.convolution(layer + ".feed_forward.inner", dim, filter),
         .outer = tensors.convolution(layer + ".feed_forward.outer", filter, dim)});
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
  const RowView normed = framed(scratch.normed, x.count, x.stride);
  const RowView qkv{scratch.qkv.data(), x.count, layer.qkv.stride()};
  normalise(kernels, team, layer.attention_norm, x, normed);
  layer.qkv.apply(kernels, team, normed, qkv);
  const RowView attended = attend_positions(kernels, team, qkv, heads_, width_, scratch.attention);
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
