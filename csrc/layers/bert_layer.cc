#include "layers/bert_layer.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace mime_fast {

using cpu::padded;

namespace {

constexpr float kEpsilon = 1e-12F;  // of BERT's layer norms

float query_scale(std::int64_t width) {
  return static_cast<float>(1 / std::sqrt(static_cast<double>(width)));
}

}  // namespace

StandardLayerNorm::StandardLayerNorm(TensorReader& tensors, const std::string& name,
                                     std::int64_t dim, float epsilon)
    : dim_(dim), epsilon_(epsilon), gamma_(padded(dim)), beta_(padded(dim)) {
  const std::vector<float> gamma = tensors.take(name + ".weight", {dim});
  const std::vector<float> beta = tensors.take(name + ".bias", {dim});
  std::copy(gamma.begin(), gamma.end(), gamma_.data());
  std::copy(beta.begin(), beta.end(), beta_.data());
}

void StandardLayerNorm::apply(const cpu::Kernels& kernels, Team& team, const RowView& x) const {
  team.split(x.count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      kernels.standard_layer_norm(x.row(i), dim_, epsilon_, gamma_.data(), beta_.data(), x.row(i));
    }
  });
}

BertScratch::BertScratch(const BertShape& shape, std::int64_t length)
    : qkv(length * padded(3 * shape.dim)),
      hidden(length * padded(shape.filter_dim)),
      attention(shape.dim, shape.heads, length) {}

BertLayer::BertLayer(TensorReader& tensors, const std::string& name, const BertShape& shape)
    : heads_(shape.heads),
      width_(shape.dim / shape.heads),
      qkv_(tensors.int8_linears({{name + ".attention.query", shape.dim, query_scale(width_)},
                                 {name + ".attention.key", shape.dim},
                                 {name + ".attention.value", shape.dim}},
                                shape.dim, Bias::own)),
      output_(
          tensors.int8_linears({{name + ".attention.output", shape.dim}}, shape.dim, Bias::own)),
      attention_norm_(tensors, name + ".attention_norm", shape.dim, kEpsilon),
      inner_(tensors.int8_linears({{name + ".inner", shape.filter_dim}}, shape.dim, Bias::own)),
      outer_(tensors.int8_linears({{name + ".outer", shape.dim}}, shape.filter_dim, Bias::own)),
      output_norm_(tensors, name + ".output_norm", shape.dim, kEpsilon) {}

void BertLayer::apply(const cpu::Kernels& kernels, Team& team, const RowView& x,
                      BertScratch& scratch) const {
  const RowView qkv{scratch.qkv.data(), x.count, qkv_.stride()};
  const RowView hidden{scratch.hidden.data(), x.count, inner_.stride()};
  qkv_.apply(kernels, team, x, qkv);
  const RowView attended = attend_positions(kernels, team, qkv, heads_, width_, scratch.attention);
  output_.apply(kernels, team, attended, x, Int8Matrix::Then::add);
  attention_norm_.apply(kernels, team, x);
  inner_.apply(kernels, team, x, hidden);
  team.split(x.count, 1, [&](std::int64_t begin, std::int64_t end) {
    kernels.gelu(hidden.row(begin), (end - begin) * hidden.stride);
  });
  outer_.apply(kernels, team, hidden, x, Int8Matrix::Then::add);
  output_norm_.apply(kernels, team, x);
}

}  // namespace mime_fast
