#pragma once

#include <cstdint>

#include "engine/buffer.h"

namespace mime_fast {

// What the decoder attends to: keys and values of the fused context, for each decoder layer.
struct Memory {
  std::int64_t layers = 0;
  std::int64_t key_dim = 0;
  std::int64_t length = 0;
  std::int64_t columns = 0;       // length, padded
  std::int64_t value_stride = 0;  // key_dim, padded
  Buffer<float> keys;             // (layers, key_dim, columns) transposed
  Buffer<float> values;           // (layers, length, value_stride)
};

// What the encoder side found out about one dialogue.
struct Encoded {
  Buffer<float> emotion_logits;  // (32,)
  Buffer<float> positive;        // (13,) mixture over the positive emotions
  Buffer<float> negative;        // (19,)
  bool mimics_positive = false;
  Memory memory;
};

}  // namespace mime_fast
