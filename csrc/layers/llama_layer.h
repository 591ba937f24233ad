#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "layers/decode_state.h"
#include "layers/int8_matrix.h"
#include "layers/tensor_reader.h"

namespace mime_fast {

// Root-mean-square norm.
class RmsNorm {
 public:
  RmsNorm() = default;
  RmsNorm(TensorReader& tensors, const std::string& name, std::int64_t dim);

  // Normalises each row of x (rows, dim) into y (rows, dim).
  void apply(const cpu::Kernels& kernels, const RowView& x, const RowView& y) const;

 private:
  std::int64_t dim_ = 0;
  Buffer<float> gamma_;  // (dim,)
};

// The cosines and sines that rotate queries and keys by their position.
class Rotation {
 public:
  Rotation() = default;
  Rotation(std::int64_t positions, std::int64_t head_dim);

  // Rotates neighbouring columns of each head, in place.
  void apply(float* heads, std::int64_t count, std::int64_t position) const;

 private:
  std::int64_t head_dim_ = 0;
  std::vector<float> cosine_, sine_;  // (positions, head_dim / 2)
};

// A decoder layer of Llama's kind that also attends to the encoder memory: self-attention with
// rotary positions and grouped queries, cross-attention, SwiGLU. Each reads a norm of x and is
// added to x. One token for each row.
class LlamaLayer {
 public:
  // head_dim: of queries, keys and values.
  LlamaLayer(TensorReader& tensors, const std::string& name, const DecoderShape& shape);

  // Changes the state's x. layer: its number, which is that of its cache.
  void step(const cpu::Kernels& kernels, Team& team, const Rotation& rotation, std::int32_t layer,
            DecodeState& state) const;

 private:
  void attend(const cpu::Kernels& kernels, Team& team, const Rotation& rotation, std::int32_t layer,
              DecodeState& state) const;
  void attend_memory(const cpu::Kernels& kernels, Team& team, std::int32_t layer,
                     DecodeState& state) const;
  void feed_forward(const cpu::Kernels& kernels, Team& team, DecodeState& state) const;

  DecoderShape shape_;
  RmsNorm attention_norm_;
  Int8Matrix qkv_;
  Int8Matrix attention_output_;
  RmsNorm cross_attention_norm_;
  Int8Matrix cross_query_;
  Int8Matrix cross_output_;
  RmsNorm feed_forward_norm_;
  Int8Matrix gate_up_;
  Int8Matrix down_;
};

}  // namespace mime_fast
