#pragma once

#include <cstdint>
#include <string>

#include "layers/decode_state.h"
#include "layers/layers.h"

namespace mime_fast {

// Lanes of one layer that a thread computes.
struct LaneWork {
  const cpu::Kernels& kernels;
  DecodeState& state;
  std::int64_t first;  // of the state's lanes
  Rows x;              // (lanes, dim)

  const Lane* lanes() const { return state.buffers().lanes.data() + first; }
  Rows cut(Buffer<float>& buffer) const { return state.buffers().cut(buffer, first, x.count); }
};

// Self-attention over the cached slots, cross-attention over the memory, a causal convolutional
// feed-forward (Eq. 28-29): one token a lane.
class DecoderLayer {
 public:
  DecoderLayer(Weights& weights, const std::string& name, const StackConfig& config);

  // Changes x. A lane whose row continues the row before stands behind that row's lane.
  void step(const LaneWork& work) const;

 private:
  void attend(const LaneWork& work) const;
  void attend_memory(const LaneWork& work) const;
  void feed_forward(const LaneWork& work) const;

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
