#pragma once

#include <cstdint>
#include <cstring>

#include "cpu/kernels.h"
#include "cpu/screen_outputs.h"

// Included behind IntVec: sixteen int32, and multiply_add(acc, w, planes), which adds the four
// products of each lane.
namespace mime_fast::cpu::MIME_FAST_ISA {

constexpr std::int64_t kMaxPlaneVectors = 6;

inline std::int32_t four_values(const void* bytes) {
  std::int32_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// R rows of D planes, P panels: R * D * P sums stay in registers.
template <unsigned R, unsigned D, unsigned P>
inline void screen_block(const Screen& s, std::int64_t panel) {
  IntVec acc[R][D][P];
  MIME_FAST_UNROLL
  for (auto& row : acc) {
    MIME_FAST_UNROLL
    for (auto& plane : row) {
      MIME_FAST_UNROLL
      for (IntVec& sum : plane) sum = int_zero();
    }
  }
  const std::int64_t panel_bytes = s.inner * kLanes;
  const std::uint8_t* w = s.w + panel * panel_bytes;
  for (std::int64_t k = 0; k < s.inner; k += 4, w += 4 * kLanes) {
    IntVec column[P];
    MIME_FAST_UNROLL
    for (unsigned j = 0; j < P; ++j) {
      column[j] = int_load(w + j * panel_bytes);
      // Prefetches the next panels. With fewer sums it costs time: those loops wait for memory.
      if constexpr (R * D >= 4) __builtin_prefetch(w + (j + P) * panel_bytes);
    }
    MIME_FAST_UNROLL
    for (unsigned r = 0; r < R; ++r) {
      MIME_FAST_UNROLL
      for (unsigned d = 0; d < D; ++d) {
        const IntVec planes = int_splat(four_values(s.planes + (r * D + d) * s.inner + k));
        MIME_FAST_UNROLL
        for (unsigned j = 0; j < P; ++j) {
          acc[r][d][j] = multiply_add(acc[r][d][j], column[j], planes);
        }
      }
    }
  }
  MIME_FAST_UNROLL
  for (unsigned r = 0; r < R; ++r) {
    MIME_FAST_UNROLL
    for (unsigned j = 0; j < P; ++j) {
      IntVec total = acc[r][0][j];
      if constexpr (D == 2) total = join_planes(total, acc[r][1][j]);
      write_scores(s, r, panel + j, to_float(total, s.correction[r]));
    }
  }
}

template <unsigned R, unsigned D>
inline void screen_rows(const Screen& s) {
  std::int64_t panel = s.first_panel;
  for (; panel + kScreenPanels <= s.last_panel; panel += kScreenPanels) {
    screen_block<R, D, kScreenPanels>(s, panel);
  }
  for (; panel < s.last_panel; ++panel) screen_block<R, D, 1>(s, panel);
}

inline void screen(const Screen& s) {
  using Function = void (*)(const Screen&);
  constexpr Function kOnePlane[] = {screen_rows<1, 1>, screen_rows<2, 1>, screen_rows<3, 1>,
                                    screen_rows<4, 1>, screen_rows<5, 1>, screen_rows<6, 1>};
  constexpr Function kTwoPlanes[] = {screen_rows<1, 2>, screen_rows<2, 2>, screen_rows<3, 2>};
  (s.plane_count == 2 ? kTwoPlanes : kOnePlane)[s.rows - 1](s);
}

}  // namespace mime_fast::cpu::MIME_FAST_ISA
