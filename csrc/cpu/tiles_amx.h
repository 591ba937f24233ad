#pragma once

#include <immintrin.h>

#include <cstdint>

#include "cpu/kernels.h"

namespace mime_fast::cpu::amx {

constexpr std::int64_t kTileRows = 16;
constexpr std::int64_t kTileBytes = 64;  // of a row

using TileSums = std::int32_t[kTileRows][kLanes];

// Tiles 0 to 5 hold sums of each row with a panel, tile 6 holds 64 bytes of each row, and tile 7 64
// inputs of a panel.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};

  explicit TileConfig(std::int64_t height) {
    for (int tile = 0; tile < 8; ++tile) {
      row_bytes[tile] = kTileBytes;
      rows[tile] = static_cast<std::uint8_t>(tile == 7 ? kTileRows : height);
    }
  }

  void use() const {
    asm volatile("" : : "r"(this) : "memory");  // GCC 12 takes only 8 bytes of it for read
    _tile_loadconfig(this);
  }
};

// Weights come from memory once, and rows from the nearest cache: weights ahead are asked for
// early. 4, 8 and 16 tiles ahead took the same time.
constexpr std::uintptr_t kAhead = 8 * kTileBytes * kLanes;

// Loads 64 inputs of a panel into tile 7.
template <typename Weight>
inline void load_weights(const Weight* w) {
  const auto ahead = reinterpret_cast<std::uintptr_t>(w) + kAhead;  // it may lie behind the end
  MIME_FAST_UNROLL
  for (std::uintptr_t line = 0; line < kLanes; ++line) {
    __builtin_prefetch(reinterpret_cast<const void*>(ahead + line * kTileBytes));
  }
  _tile_loadd(7, w, kTileBytes);
}

}  // namespace mime_fast::cpu::amx
