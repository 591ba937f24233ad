#include "layers/memory_attention.h"

namespace mime_fast {

void attend_memory(const cpu::Kernels& kernels, const EncoderMemory& memory, std::int64_t cache,
                   const MemoryAttention& attention) {
  const std::int64_t width = attention.width;
  const float* keys = memory.keys.data() + cache * memory.key_dim * memory.columns;
  const float* values = memory.values.data() + cache * memory.length * memory.value_stride;
  for (std::int64_t head = 0; head < attention.heads; ++head) {
    const std::int64_t shared = head / attention.group * width;
    kernels.matmul({.x = attention.query + head * width,
                    .rows = 1,
                    .x_stride = 0,
                    .inner = width,
                    .w = keys + shared * memory.columns,
                    .w_stride = memory.columns,
                    .panel_stride = cpu::kLanes,
                    .panels = memory.columns / cpu::kLanes,
                    .y = attention.scratch,
                    .y_stride = 0});
    kernels.softmax(attention.scratch, memory.length);
    kernels.matmul({.x = attention.scratch,
                    .rows = 1,
                    .x_stride = 0,
                    .inner = memory.length,
                    .w = values + shared,
                    .w_stride = memory.value_stride,
                    .panel_stride = cpu::kLanes,
                    .panels = cpu::padded(width) / cpu::kLanes,
                    .y = attention.out + head * width,
                    .y_stride = 0});
  }
}

}  // namespace mime_fast
