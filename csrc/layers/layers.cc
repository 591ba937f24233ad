#include "layers/layers.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace mime_fast {
namespace {

float query_scale(const StackConfig& config) {
  const auto width = static_cast<double>(config.key_dim / config.num_heads);
  return static_cast<float>(1 / std::sqrt(width));
}

}  // namespace

LayerNorm::LayerNorm(TensorReader& tensors, const std::string& name, std::int64_t dim)
    : dim_(dim), gamma_(cpu::padded(dim)), beta_(cpu::padded(dim)) {
  const std::vector<float> gamma = tensors.take(name + ".weight", {dim});
  const std::vector<float> beta = tensors.take(name + ".bias", {dim});
  std::copy(gamma.begin(), gamma.end(), gamma_.data());
  std::copy(beta.begin(), beta.end(), beta_.data());
}

void LayerNorm::apply(const cpu::Kernels& kernels, const RowView& x, const RowView& y) const {
  for (std::int64_t row = 0; row < x.count; ++row) {
    kernels.layer_norm(x.row(row), dim_, gamma_.data(), beta_.data(), y.row(row));
  }
}

Matrix self_attention_input(TensorReader& tensors, const std::string& name,
                            const StackConfig& config) {
  const std::int64_t key_dim = config.key_dim;
  return tensors.linears({{name + ".query", key_dim, query_scale(config)},
                          {name + ".key", key_dim},
                          {name + ".value", key_dim}},
                         config.hidden_dim, Bias::none);
}

Matrix cross_attention_query(TensorReader& tensors, const std::string& name,
                             const StackConfig& config) {
  return tensors.linears({{name + ".query", config.key_dim, query_scale(config)}},
                         config.hidden_dim, Bias::none);
}

Matrix cross_attention_memory(TensorReader& tensors, const std::string& name,
                              const StackConfig& config) {
  return tensors.linears({{name + ".key", config.key_dim}, {name + ".value", config.key_dim}},
                         config.hidden_dim, Bias::none);
}

void timing_signal(std::int64_t count, std::int64_t dim, std::int64_t stride, float* out) {
  const std::int64_t half = dim / 2;
  const double step = std::log(1e4) / static_cast<double>(half - 1);
  for (std::int64_t i = 0; i < half; ++i) {
    const double rate = std::exp(-static_cast<double>(i) * step);
    for (std::int64_t t = 0; t < count; ++t) {
      const double angle = static_cast<double>(t) * rate;
      out[t * stride + i] = static_cast<float>(std::sin(angle));
      out[t * stride + half + i] = static_cast<float>(std::cos(angle));
    }
  }
}

}  // namespace mime_fast
