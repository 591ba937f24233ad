#pragma once

#include <cstdint>

#include "cpu/kernels.h"
#include "layers/encoder_output.h"

namespace mime_fast {

// The attention of one row over the encoder memory.
struct MemoryAttention {
  const float* query;  // (heads, width), packed
  std::int64_t heads;
  std::int64_t group = 1;  // heads that share keys and values: head h reads those of h / group
  std::int64_t width;
  float* scratch;  // (memory.columns,)
  float* out;      // (heads, width), packed, with room for one more vector
};

// Attends to the keys and values of a cache of the memory.
void attend_memory(const cpu::Kernels& kernels, const EncoderMemory& memory, std::int64_t cache,
                   const MemoryAttention& attention);

}  // namespace mime_fast
