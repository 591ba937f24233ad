#pragma once

#include <cstdint>
#include <string>

#include "layers/int8_matrix.h"
#include "layers/self_attention.h"
#include "layers/tensor_reader.h"

namespace mime_fast {

// Layer norm as BERT and PyTorch have it: the biased variance, and epsilon inside the root.
class StandardLayerNorm {
 public:
  StandardLayerNorm() = default;
  StandardLayerNorm(TensorReader& tensors, const std::string& name, std::int64_t dim,
                    float epsilon);

  // Normalises each row of x (rows, dim) in place.
  void apply(const cpu::Kernels& kernels, Team& team, const RowView& x) const;

 private:
  std::int64_t dim_ = 0;
  float epsilon_ = 0;
  Buffer<float> gamma_;  // (dim,)
  Buffer<float> beta_;   // (dim,)
};

struct BertShape {
  std::int64_t dim;
  std::int64_t heads;
  std::int64_t filter_dim;
};

// Buffers of a layer for sequences of up to `length` positions.
struct BertScratch {
  BertScratch(const BertShape& shape, std::int64_t length);

  Buffer<float> qkv;     // (length, 3 * dim)
  Buffer<float> hidden;  // (length, filter)
  AttentionScratch attention;
};

// A layer of BERT: attention, then a feed-forward with GELU; each is added to its input, and the
// sum is normalised.
class BertLayer {
 public:
  BertLayer(TensorReader& tensors, const std::string& name, const BertShape& shape);

  // Changes x (length, dim).
  void apply(const cpu::Kernels& kernels, Team& team, const RowView& x, BertScratch& scratch) const;

 private:
  std::int64_t heads_;
  std::int64_t width_;
  Int8Matrix qkv_;
  Int8Matrix output_;
  StandardLayerNorm attention_norm_;
  Int8Matrix inner_;
  Int8Matrix outer_;
  StandardLayerNorm output_norm_;
};

}  // namespace mime_fast
