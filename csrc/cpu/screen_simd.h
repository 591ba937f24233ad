#pragma once

#include <cstdint>
#include <cstring>

#include "cpu/kernels.h"

// Included behind IntVec: sixteen int32, and multiply_add(acc, w, digits), which adds the four
// products of each lane.
namespace mime_fast::cpu::MIME_FAST_ISA {

inline std::int32_t four_digits(const std::int8_t* digits) {
  std::int32_t word;
  std::memcpy(&word, digits, sizeof word);
  return word;
}

// R rows of D digits, P panels: R * D * P sums stay in registers.
template <unsigned R, unsigned D, unsigned P>
inline void screen_block(const Screen& s, std::int64_t panel) {
  IntVec acc[R][D][P];
  MIME_FAST_UNROLL
  for (auto& row : acc) {
    MIME_FAST_UNROLL
    for (auto& digit : row) {
      MIME_FAST_UNROLL
      for (IntVec& sum : digit) sum = int_zero();
    }
  }
  const std::int64_t panel_bytes = s.inner * kLanes;
  const std::uint8_t* w = s.w + panel * panel_bytes;
  for (std::int64_t k = 0; k < s.inner; k += 4, w += 4 * kLanes) {
    IntVec column[P];
    MIME_FAST_UNROLL
    for (unsigned j = 0; j < P; ++j) {
      column[j] = int_load(w + j * panel_bytes);
      // Of the next panels. Fewer sums wait for memory anyway, and it only takes their time.
      if constexpr (R * D >= 4) __builtin_prefetch(w + (j + P) * panel_bytes);
    }
    MIME_FAST_UNROLL
    for (unsigned r = 0; r < R; ++r) {
      MIME_FAST_UNROLL
      for (unsigned d = 0; d < D; ++d) {
        const IntVec digits = int_splat(four_digits(s.digits + (r * D + d) * s.inner + k));
        MIME_FAST_UNROLL
        for (unsigned j = 0; j < P; ++j) {
          acc[r][d][j] = multiply_add(acc[r][d][j], column[j], digits);
        }
      }
    }
  }
  MIME_FAST_UNROLL
  for (unsigned r = 0; r < R; ++r) {
    MIME_FAST_UNROLL
    for (unsigned j = 0; j < P; ++j) {
      const std::int64_t word = (panel + j) * kLanes;
      IntVec total = acc[r][0][j];
      if constexpr (D == 2) total = join_digits(total, acc[r][1][j]);
      const Vec dot = to_float(total, s.correction[r]);
      const Vec scale = mul(load(s.scale + word), splat(s.unit[r]));
      store(s.scores + r * s.score_stride + word, add(mul(dot, scale), load(s.bias + word)));
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
  constexpr Function kOneDigit[] = {screen_rows<1, 1>, screen_rows<2, 1>, screen_rows<3, 1>,
                                    screen_rows<4, 1>, screen_rows<5, 1>, screen_rows<6, 1>};
  constexpr Function kTwoDigits[] = {screen_rows<1, 2>, screen_rows<2, 2>, screen_rows<3, 2>};
  (s.digit_count == 2 ? kTwoDigits : kOneDigit)[s.rows - 1](s);
}

}  // namespace mime_fast::cpu::MIME_FAST_ISA
