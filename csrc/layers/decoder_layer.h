#pragma once

#include <cstdint>
#include <string>

#include "layers/decode_state.h"
#include "layers/layers.h"

namespace mime_fast {

// The row caches of one layer that a thread computes.
struct LayerBatch {
  const cpu::Kernels& kernels;
  DecodeState& state;
  std::int64_t first;  // index in the state's row caches
  RowView x;           // (row caches, dim)

  const RowCache* row_caches() const { return state.buffers().row_caches.data() + first; }
  RowView cut(Buffer<float>& buffer) const { return state.buffers().cut(buffer, first, x.count); }
};

// Self-attention over the cached positions, cross-attention over the encoder memory, a causal
// convolutional feed-forward (Eq. 28-29): one token for each row cache.
class DecoderLayer {
 public:
  DecoderLayer(TensorReader& tensors, const std::string& name, const StackConfig& config);

  // Changes x. A draft row stands directly behind the row before it.
  void step(const LayerBatch& work) const;

 private:
  void attend(const LayerBatch& work) const;
  void attend_memory(const LayerBatch& work) const;
  void feed_forward(const LayerBatch& work) const;

  std::int64_t heads_;
  std::int64_t width_;
  LayerNorm attention_norm_;
  Matrix qkv_;
  Matrix attention_output_;
  LayerNorm cross_attention_norm_;
  Matrix cross_query_;
  Matrix cross_output_;
  LayerNorm feed_forward_norm_;
  Matrix inner_;
  Matrix outer_;
};

}  // namespace mime_fast
