#pragma once

#include <immintrin.h>

#include <cstdint>

#include "cpu/kernels.h"
#include "cpu/plane_sums_avx512.h"
#include "cpu/screen_outputs.h"
#include "cpu/tiles_amx.h"

namespace mime_fast::cpu::amx {

constexpr std::int64_t kMaxPlaneVectors = kTileRows;

// Sums of the planes of all rows with P panels, one or six.
template <unsigned P>
inline void sum_planes(const Screen& s, std::int64_t panel, TileSums* sums) {
  const std::int64_t panel_bytes = s.inner * kLanes;
  const std::uint8_t* w = s.w + panel * panel_bytes;
  _tile_zero(0);
  if constexpr (P == 6) {
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
  }
  for (std::int64_t k = 0; k < s.inner; k += kTileBytes, w += kTileBytes * kLanes) {
    _tile_loadd(6, s.planes + k, s.inner);
    load_weights(w);
    _tile_dpbsud(0, 6, 7);
    if constexpr (P == 6) {
      load_weights(w + 1 * panel_bytes);
      _tile_dpbsud(1, 6, 7);
      load_weights(w + 2 * panel_bytes);
      _tile_dpbsud(2, 6, 7);
      load_weights(w + 3 * panel_bytes);
      _tile_dpbsud(3, 6, 7);
      load_weights(w + 4 * panel_bytes);
      _tile_dpbsud(4, 6, 7);
      load_weights(w + 5 * panel_bytes);
      _tile_dpbsud(5, 6, 7);
    }
  }
  _tile_stored(0, sums[0], kTileBytes);
  if constexpr (P == 6) {
    _tile_stored(1, sums[1], kTileBytes);
    _tile_stored(2, sums[2], kTileBytes);
    _tile_stored(3, sums[3], kTileBytes);
    _tile_stored(4, sums[4], kTileBytes);
    _tile_stored(5, sums[5], kTileBytes);
  }
}

template <unsigned P>
inline void screen_panels(const Screen& s, std::int64_t panel) {
  alignas(64) TileSums sums[P];
  sum_planes<P>(s, panel, sums);
  for (std::int64_t row = 0; row < s.rows; ++row) {
    for (unsigned j = 0; j < P; ++j) {
      const auto* const own = sums[j] + row * s.plane_count;
      __m512i total = _mm512_load_si512(own[0]);
      if (s.plane_count == 2) total = join_planes(total, _mm512_load_si512(own[1]));
      write_scores(s, row, panel + j, to_float(total, s.correction[row]));
    }
  }
}

// The inner dimension fills whole tiles.
inline void screen_tiles(const Screen& s) {
  TileConfig(s.rows * s.plane_count).use();
  std::int64_t panel = s.first_panel;
  for (; panel + 6 <= s.last_panel; panel += 6) screen_panels<6>(s, panel);
  for (; panel < s.last_panel; ++panel) screen_panels<1>(s, panel);
  _tile_release();
}

}  // namespace mime_fast::cpu::amx
