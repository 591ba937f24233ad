#pragma once

#include <cstdint>

namespace mime_fast {

constexpr std::int64_t kTaps = 3;  // inputs of a convolution for one output

// The sizes that all encoders and decoders of a model share; mime_fast/config/model.py checks them.
struct StackConfig {
  std::int64_t hidden_dim = 300;
  std::int64_t num_heads = 2;
  std::int64_t key_dim = 40;  // of all heads together
  std::int64_t filter_dim = 50;
  std::int64_t num_layers = 1;
  std::int64_t max_positions = 1000;
};

}  // namespace mime_fast
