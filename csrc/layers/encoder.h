#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "layers/layers.h"
#include "layers/self_attention.h"

namespace mime_fast {

// Buffers of an encoder for sequences of up to `length` positions.
struct EncoderScratch {
  EncoderScratch(const StackConfig& config, std::int64_t length);

  Buffer<float> normed;  // (1 + length + 1, dim) the rows around a sequence stay zero
  Buffer<float> hidden;  // (1 + length + 1, filter) likewise
  Buffer<float> qkv;     // (length, 3 * key_dim)
  AttentionScratch attention;
};

// A stack of encoder layers: self-attention and a convolutional feed-forward, each behind a layer
// norm. The projection in front of it belongs to the caller, who folds it into other weights.
class Encoder {
 public:
  Encoder() = default;
  Encoder(TensorReader& tensors, const std::string& name, const StackConfig& config);

  // x (length, dim) is overwritten; out (length, out.stride) may be a part of wider rows.
  void apply(const cpu::Kernels& kernels, Team& team, const RowView& x, EncoderScratch& scratch,
             const RowView& out) const;

 private:
  struct Layer {
    LayerNorm attention_norm;
    Matrix qkv;
    Matrix output;
    LayerNorm feed_forward_norm;
    Matrix inner;
    Matrix outer;
  };

  void attend(const cpu::Kernels& kernels, Team& team, const Layer& layer, const RowView& x,
              EncoderScratch& scratch) const;
  void feed_forward(const cpu::Kernels& kernels, Team& team, const Layer& layer, const RowView& x,
                    EncoderScratch& scratch) const;

  std::vector<Layer> layers_;
  LayerNorm norm_;
  std::int64_t heads_ = 0;
  std::int64_t width_ = 0;  // key dimension of a head
};

}  // namespace mime_fast
