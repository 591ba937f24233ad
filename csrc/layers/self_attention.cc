#include "layers/self_attention.h"

namespace mime_fast {

using cpu::padded;

namespace {

// Heads are written as whole vectors, one behind the other: the last vector needs padding.
std::int64_t attended_stride(std::int64_t key_dim, std::int64_t width) {
  return padded(key_dim - width + padded(width));
}

}  // namespace

AttentionScratch::AttentionScratch(std::int64_t key_dim, std::int64_t heads, std::int64_t length)
    : keys(key_dim * padded(length)),
      logits(length * padded(length)),
      attended(length * attended_stride(key_dim, key_dim / heads)) {}

RowView attend_positions(const cpu::Kernels& kernels, Team& team, const RowView& qkv,
                         std::int64_t heads, std::int64_t width, AttentionScratch& scratch) {
  const std::int64_t length = qkv.count, columns = padded(length), key_dim = heads * width;
  const RowView attended{scratch.attended.data(), length, attended_stride(key_dim, width)};
  for (std::int64_t t = 0; t < length; ++t) {
    const float* key = qkv.row(t) + key_dim;
    for (std::int64_t i = 0; i < key_dim; ++i) scratch.keys[i * columns + t] = key[i];
  }
  team.split(length, 1, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t count = end - begin;
    for (std::int64_t head = 0; head < heads; ++head) {
      const float* query = qkv.row(begin) + head * width;
      float* logits = scratch.logits.data() + begin * columns;
      kernels.matmul({.x = query,
                      .rows = count,
                      .x_stride = qkv.stride,
                      .inner = width,
                      .w = scratch.keys.data() + head * width * columns,
                      .w_stride = columns,
                      .panel_stride = cpu::kLanes,
                      .panels = columns / cpu::kLanes,
                      .y = logits,
                      .y_stride = columns});
      for (std::int64_t t = 0; t < count; ++t) kernels.softmax(logits + t * columns, length);
      kernels.matmul({.x = logits,
                      .rows = count,
                      .x_stride = columns,
                      .inner = length,
                      .w = qkv.row(0) + 2 * key_dim + head * width,
                      .w_stride = qkv.stride,
                      .panel_stride = cpu::kLanes,
                      .panels = padded(width) / cpu::kLanes,
                      .y = attended.row(begin) + head * width,
                      .y_stride = attended.stride});
    }
  });
  return attended;
}

}  // namespace mime_fast
