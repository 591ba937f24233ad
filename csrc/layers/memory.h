#pragma once

#include <cstdint>
#include <vector>

#include "runtime/buffer.h"

namespace mime_fast {

// A layer that decodes beside others, in front of the decoder's own, and its share in what comes
// out (MoEL).
struct Listener {
  std::int32_t id;
  float weight;
};

// What the decoder attends to: keys and values of the context, for each of its layers, and then for
// each listener.
struct Memory {
  std::int64_t layers = 0;  // of the decoder
  std::int64_t key_dim = 0;
  std::int64_t length = 0;
  std::int64_t columns = 0;         // length, padded
  std::int64_t value_stride = 0;    // key_dim, padded
  Buffer<float> keys;               // (caches, key_dim, columns) transposed
  Buffer<float> values;             // (caches, length, value_stride)
  std::vector<Listener> listeners;  // ascending ids; most systems have none

  // The decoder's layers, then the listeners.
  std::int64_t caches() const { return layers + static_cast<std::int64_t>(listeners.size()); }
  // Which layer of the model a cache is of: listeners are numbered behind the decoder's.
  std::size_t layer_of(std::int64_t cache) const {
    if (cache < layers) return static_cast<std::size_t>(cache);
    return static_cast<std::size_t>(layers +
                                    listeners[static_cast<std::size_t>(cache - layers)].id);
  }
};

// What the encoder side found out about one dialogue.
struct Encoded {
  Buffer<float> emotion_logits;  // (32,)
  Buffer<float> positive;        // (13,) shares of the positive emotions, padded
  Buffer<float> negative;        // (19,)
  bool mimics_positive = false;
  Memory memory;
};

}  // namespace mime_fast
