#pragma once

#include <immintrin.h>

#include <cstdint>

#include "cpu/kernels.h"
#include "cpu/screen_simd.h"

// Included behind IntVec, as screen_simd.h is.
namespace mime_fast::cpu::MIME_FAST_ISA {

// The bytes of X + kFixedShift: the highest of all elements of a row, then the middle, the lowest.
inline void store_fixed(Vec x, std::uint8_t* values, std::int64_t k, std::int64_t stride) {
  const __m512i shifted = _mm512_add_epi32(_mm512_cvtps_epi32(x), _mm512_set1_epi32(kFixedShift));
  auto* const bytes = reinterpret_cast<__m128i*>(values + k);
  const std::int64_t step = stride / static_cast<std::int64_t>(sizeof(__m128i));
  _mm_storeu_si128(bytes, _mm512_cvtepi32_epi8(_mm512_srli_epi32(shifted, 16)));
  _mm_storeu_si128(bytes + step, _mm512_cvtepi32_epi8(_mm512_srli_epi32(shifted, 8)));
  _mm_storeu_si128(bytes + 2 * step, _mm512_cvtepi32_epi8(shifted));
}

}  // namespace mime_fast::cpu::MIME_FAST_ISA

#include "cpu/byte_sums_avx512.h"
#include "cpu/fixed_rows.h"

namespace mime_fast::cpu::MIME_FAST_ISA {

// R rows, P panels: 3 * R * P sums, at most 24, stay in registers.
template <unsigned R, unsigned P>
inline void int8_block(const Int8Product& p, std::int64_t row, std::int64_t panel) {
  __m512i acc[R][kBytes][P];
  MIME_FAST_UNROLL
  for (auto& own : acc) {
    MIME_FAST_UNROLL
    for (auto& byte : own) {
      MIME_FAST_UNROLL
      for (__m512i& sum : byte) sum = _mm512_setzero_si512();
    }
  }
  const std::int64_t stride = p.x.stride, panel_bytes = stride * kLanes;
  const std::uint8_t* const x = p.x.values + row * 4 * stride;
  const std::int8_t* w = p.w + panel * panel_bytes;
  for (std::int64_t k = 0; k < stride; k += 4, w += 4 * kLanes) {
    __m512i bytes[R][kBytes];
    MIME_FAST_UNROLL
    for (unsigned r = 0; r < R; ++r) {
      MIME_FAST_UNROLL
      for (unsigned b = 0; b < kBytes; ++b) {
        bytes[r][b] = int_splat(four_values(x + (4 * r + b) * stride + k));
      }
    }
    MIME_FAST_UNROLL
    for (unsigned j = 0; j < P; ++j) {
      const __m512i column = _mm512_loadu_si512(w + j * panel_bytes);
      MIME_FAST_UNROLL
      for (unsigned r = 0; r < R; ++r) {
        MIME_FAST_UNROLL
        for (unsigned b = 0; b < kBytes; ++b) {
          acc[r][b][j] = multiply_add(acc[r][b][j], bytes[r][b], column);
        }
      }
    }
  }
  MIME_FAST_UNROLL
  for (unsigned r = 0; r < R; ++r) {
    MIME_FAST_UNROLL
    for (unsigned j = 0; j < P; ++j) {
      write_byte_sums(p, row + r, panel + j, acc[r][0][j], acc[r][1][j], acc[r][2][j]);
    }
  }
}

template <unsigned P>
inline void int8_panels(const Int8Product& p, std::int64_t panel) {
  std::int64_t row = 0;
  for (; row + 2 <= p.rows; row += 2) int8_block<2, P>(p, row, panel);
  if (row < p.rows) int8_block<1, P>(p, row, panel);
}

inline void int8_matmul(const Int8Product& p) {
  std::int64_t panel = 0;
  if (p.rows == 1) {
    for (; panel + 8 <= p.panels; panel += 8) int8_block<1, 8>(p, 0, panel);
  }
  for (; panel + 4 <= p.panels; panel += 4) int8_panels<4>(p, panel);
  for (; panel + 2 <= p.panels; panel += 2) int8_panels<2>(p, panel);
  if (panel < p.panels) int8_panels<1>(p, panel);
}

}  // namespace mime_fast::cpu::MIME_FAST_ISA
