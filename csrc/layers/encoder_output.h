#pragma once

#include <cstdint>
#include <vector>

#include "runtime/buffer.h"

namespace mime_fast {

// A decoder layer of MoEL that runs side by side with others, in front of the decoder's own layers.
struct Listener {
  std::int32_t id;
  float weight;  // of its output in the sum of all
};

// The keys and values of the context that the decoder attends to: a cache for each decoder layer,
// then one for each listener.
struct EncoderMemory {
  std::int64_t layers = 0;   // number of decoder layers
  std::int64_t key_dim = 0;  // of the keys of all heads, and of the values
  std::int64_t length = 0;
  std::int64_t columns = 0;         // length, padded
  std::int64_t value_stride = 0;    // key_dim, padded
  Buffer<float> keys;               // (caches, key_dim, columns) transposed
  Buffer<float> values;             // (caches, length, value_stride)
  std::vector<Listener> listeners;  // ascending ids; most systems have none
  Buffer<float> conditioning;  // (dim,) added to each input of the decoder; most systems have none

  // Number of caches: the decoder's layers, then the listeners.
  std::int64_t caches() const { return layers + static_cast<std::int64_t>(listeners.size()); }
  // The layer of the model that a cache belongs to; listeners are numbered behind the decoder's.
  std::size_t layer_of(std::int64_t cache) const {
    if (cache < layers) return static_cast<std::size_t>(cache);
    return static_cast<std::size_t>(layers +
                                    listeners[static_cast<std::size_t>(cache - layers)].id);
  }
};

// What the encoder computes for one dialogue.
struct EncoderOutput {
  Buffer<float> emotion_logits;  // (32,)
  Buffer<float> positive;        // (13,) weights of the positive emotions, padded
  Buffer<float> negative;        // (19,)
  bool mimics_positive = false;
  EncoderMemory memory;
};

}  // namespace mime_fast
