#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/decode_state.h"
#include "engine/layers.h"

namespace mime_fast {

// One token a row through the decoder's layers: self-attention over the cached slots,
// cross-attention over the memory, a causal convolutional feed-forward (Eq. 28-29).
class Decoder {
 public:
  Decoder() = default;
  Decoder(const Weights& weights, const std::string& name, const ModelConfig& config);

  // embedded: (rows, dim), the projected words; positions are added here.
  // positions  // (max_positions, dim)
  void step(const cpu::Kernels& kernels, Team& team, const Rows& embedded, const float* positions,
            DecodeState& state) const;

 private:
  struct Layer {
    LayerNorm attention_norm;
    Matrix qkv;
    Matrix attention_output;
    LayerNorm cross_attention_norm;
    Matrix cross_query;
    Matrix cross_output;
    LayerNorm feed_forward_norm;
    Matrix inner;
    Matrix outer;
  };
  // Rows [begin, end) of a step: what one thread computes.
  struct Part {
    const cpu::Kernels& kernels;
    DecodeState& state;
    std::int64_t begin, end;

    Rows cut(const Rows& rows) const { return rows.cut(begin, end); }
  };

  void attend(const Part& part, const Layer& layer, std::int64_t index) const;
  void attend_memory(const Part& part, const Layer& layer, std::int64_t index) const;
  void feed_forward(const Part& part, const Layer& layer, std::int64_t index) const;
  static void continue_windows(const Part& part, const Rows& windows);

  std::vector<Layer> layers_;
  LayerNorm norm_;
  std::int64_t heads_ = 0;
  std::int64_t width_ = 0;
};

}  // namespace mime_fast
