#pragma once

#include <immintrin.h>

#include <cstdint>

#include "cpu/byte_sums_avx512.h"
#include "cpu/kernels.h"
#include "cpu/tiles_amx.h"

namespace mime_fast::cpu::amx {

// Sums of the three bytes of rows with P panels, one or two.
template <unsigned P>
inline void sum_tiles(const Int8Product& p, std::int64_t row, std::int64_t panel, TileSums* sums) {
  const std::int64_t stride = p.x.stride, row_bytes = 4 * stride, panel_bytes = stride * kLanes;
  const std::uint8_t* x = p.x.values + row * row_bytes;
  const std::int8_t* w = p.w + panel * panel_bytes;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  if constexpr (P == 2) {
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
  }
  for (std::int64_t k = 0; k < stride; k += kTileBytes, w += kTileBytes * kLanes) {
    load_weights(w);
    _tile_loadd(6, x + k, row_bytes);
    _tile_dpbusd(0, 6, 7);
    _tile_loadd(6, x + k + stride, row_bytes);
    _tile_dpbusd(1, 6, 7);
    _tile_loadd(6, x + k + 2 * stride, row_bytes);
    _tile_dpbusd(2, 6, 7);
    if constexpr (P == 2) {
      load_weights(w + panel_bytes);
      _tile_dpbusd(5, 6, 7);
      _tile_loadd(6, x + k + stride, row_bytes);
      _tile_dpbusd(4, 6, 7);
      _tile_loadd(6, x + k, row_bytes);
      _tile_dpbusd(3, 6, 7);
    }
  }
  _tile_stored(0, sums[0], kTileBytes);
  _tile_stored(1, sums[1], kTileBytes);
  _tile_stored(2, sums[2], kTileBytes);
  if constexpr (P == 2) {
    _tile_stored(3, sums[3], kTileBytes);
    _tile_stored(4, sums[4], kTileBytes);
    _tile_stored(5, sums[5], kTileBytes);
  }
}

// All rows in tiles of one height; the last tile begins earlier, so that it is full, and writes
// what the others have not.
template <unsigned P>
inline void int8_panels(const Int8Product& p, std::int64_t panel, std::int64_t height) {
  alignas(64) TileSums sums[kBytes * P];
  const auto byte = [&](unsigned index, std::int64_t row) {
    return _mm512_load_si512(sums[index][row]);
  };
  for (std::int64_t first = 0; first < p.rows; first += height) {
    const std::int64_t begin = first + height <= p.rows ? first : p.rows - height;
    sum_tiles<P>(p, begin, panel, sums);
    for (std::int64_t row = first - begin; row < height; ++row) {
      for (unsigned j = 0; j < P; ++j) {
        write_byte_sums(p, begin + row, panel + j, byte(kBytes * j, row), byte(kBytes * j + 1, row),
                        byte(kBytes * j + 2, row));
      }
    }
  }
}

inline void int8_matmul(const Int8Product& p) {
  const std::int64_t tiles = (p.rows + kTileRows - 1) / kTileRows;
  const std::int64_t height = (p.rows + tiles - 1) / tiles;
  TileConfig(height).use();
  std::int64_t panel = 0;
  for (; panel + 2 <= p.panels; panel += 2) int8_panels<2>(p, panel, height);
  if (panel < p.panels) int8_panels<1>(p, panel, height);
  _tile_release();
}

}  // namespace mime_fast::cpu::amx
