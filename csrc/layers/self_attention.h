#pragma once

#include <cstdint>

#include "layers/matrix.h"

namespace mime_fast {

// Buffers of the attention of every position over all, for sequences of up to `length` positions.
struct AttentionScratch {
  AttentionScratch(std::int64_t key_dim, std::int64_t heads, std::int64_t length);

  Buffer<float> keys;      // (key_dim, length) transposed
  Buffer<float> logits;    // (length, length)
  Buffer<float> attended;  // (length, key_dim), each row with room for one more vector
};

// Every position attends to all: qkv (length, queries, keys and values of all heads side by side)
// -> (length, heads * width), which lies in the scratch.
RowView attend_positions(const cpu::Kernels& kernels, Team& team, const RowView& qkv,
                         std::int64_t heads, std::int64_t width, AttentionScratch& scratch);

}  // namespace mime_fast
