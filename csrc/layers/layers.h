#pragma once

#include <cstdint>
#include <string>

#include "cpu/kernels.h"
#include "layers/matrix.h"
#include "layers/stack_config.h"
#include "layers/tensor_reader.h"

namespace mime_fast {

// Layer norm with the unbiased deviation, and epsilon outside the root.
class LayerNorm {
 public:
  LayerNorm() = default;
  LayerNorm(TensorReader& tensors, const std::string& name, std::int64_t dim);

  // Normalises each row of x (rows, dim) into y (rows, dim).
  void apply(const cpu::Kernels& kernels, const RowView& x, const RowView& y) const;

 private:
  std::int64_t dim_ = 0;
  Buffer<float> gamma_;  // (dim,)
  Buffer<float> beta_;   // (dim,)
};

// The projections of an attention; the query's scale is folded into its weights.
Matrix self_attention_input(TensorReader& tensors, const std::string& name,
                            const StackConfig& config);  // query, key, value side by side
Matrix cross_attention_query(TensorReader& tensors, const std::string& name,
                             const StackConfig& config);
Matrix cross_attention_memory(TensorReader& tensors, const std::string& name,
                              const StackConfig& config);  // key, value

// Writes positional encodings, sines then cosines, computed in double.
//   out  // (count, stride), stride >= dim
void timing_signal(std::int64_t count, std::int64_t dim, std::int64_t stride, float* out);

}  // namespace mime_fast
