#include "models/reply_model.h"

#include <algorithm>

namespace mime_fast {

using cpu::padded;

bool ReplyModel::fits(const EncoderMemory& memory) const {
  const auto listeners = static_cast<std::int64_t>(memory.listeners.size());
  return memory.layers == shape_.layers && memory.key_dim == shape_.kv_dim() &&
         listeners <= max_listeners() && (listeners > 0) == (max_listeners() > 0);
}

void ReplyModel::reserve_cross_kv(std::int64_t length, EncoderMemory& memory) const {
  memory.layers = shape_.layers;
  memory.key_dim = shape_.kv_dim();
  memory.length = length;
  memory.columns = padded(length);
  memory.value_stride = padded(memory.key_dim);
  memory.keys = Buffer<float>(memory.caches() * memory.key_dim * memory.columns);
  memory.values = Buffer<float>(memory.caches() * length * memory.value_stride);
}

void ReplyModel::store_cross_kv(const RowView& pairs, std::int64_t cache,
                                EncoderMemory& memory) const {
  const std::int64_t key_dim = memory.key_dim;
  float* const keys = memory.keys.data() + cache * key_dim * memory.columns;
  float* const values = memory.values.data() + cache * memory.length * memory.value_stride;
  for (std::int64_t t = 0; t < memory.length; ++t) {
    for (std::int64_t i = 0; i < key_dim; ++i) keys[i * memory.columns + t] = pairs.row(t)[i];
    std::copy_n(pairs.row(t) + key_dim, key_dim, values + t * memory.value_stride);
  }
}

}  // namespace mime_fast
