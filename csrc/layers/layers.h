#pragma once

#include <cstdint>
#include <string>

#include "cpu/kernels.h"
#include "layers/matrix.h"
#include "layers/stack_config.h"
#include "layers/weights.h"

namespace mime_fast {

// Unbiased deviation, epsilon outside the root.
class LayerNorm {
 public:
  LayerNorm() = default;
  LayerNorm(Weights& weights, const std::string& name, std::int64_t dim);

  // y (rows, dim) from x (rows, dim), each row on its own.
  void apply(const cpu::Kernels& kernels, const Rows& x, const Rows& y) const;

 private:
  std::int64_t dim_ = 0;
  Buffer<float> gamma_;  // (dim,)
  Buffer<float> beta_;   // (dim,)
};

// The parts of an attention; the query's scale is folded into its weights.
Matrix self_attention_input(Weights& weights, const std::string& name,
                            const StackConfig& config);  // query, key, value side by side
Matrix cross_attention_query(Weights& weights, const std::string& name, const StackConfig& config);
Matrix cross_attention_memory(Weights& weights, const std::string& name,
                              const StackConfig& config);  // key, value

// Positions as sines then cosines, computed in double.
//   out  // (count, stride), stride >= dim
void timing_signal(std::int64_t count, std::int64_t dim, std::int64_t stride, float* out);

}  // namespace mime_fast
