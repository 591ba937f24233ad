#pragma once

#include <cstdint>

#include "layers/stack_config.h"

namespace mime_fast {

// The sizes of a decoder that its state depends on.
struct DecoderShape {
  std::int64_t dim;        // of hidden vectors
  std::int64_t query_dim;  // of all heads of the queries
  std::int64_t kv_heads;   // of the keys, and of the values
  std::int64_t head_dim;
  std::int64_t filter_dim;  // of what a feed-forward computes first
  std::int64_t layers;
  std::int64_t taps;  // inputs of a feed-forward that make one output; the older ones are kept

  std::int64_t kv_dim() const { return kv_heads * head_dim; }
};

// The decoder of a system over words: its feed-forward consists of convolutions.
inline DecoderShape word_decoder_shape(const StackConfig& config) {
  return {.dim = config.hidden_dim,
          .query_dim = config.key_dim,
          .kv_heads = config.num_heads,
          .head_dim = config.key_dim / config.num_heads,
          .filter_dim = config.filter_dim,
          .layers = config.num_layers,
          .taps = kTaps};
}

}  // namespace mime_fast
