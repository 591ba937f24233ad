#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "cpu/kernels.h"

namespace mime_fast::cpu::MIME_FAST_ISA {

inline __m256i pack_sixteen(__m256i first, __m256i second) {
  return _mm256_permute4x64_epi64(_mm256_packs_epi32(first, second), 0xD8);
}
inline __m256i upper_part(__m256i whole) {
  return _mm256_srai_epi32(_mm256_add_epi32(whole, _mm256_set1_epi32(2048)), 12);
}
inline __m256i lower_part(__m256i whole) {
  return _mm256_sub_epi32(whole, _mm256_slli_epi32(upper_part(whole), 12));
}
// X = 4096 high + low, both int16: all the high ones of a row, then all the low ones.
inline void store_fixed(Vec x, std::uint8_t* values, std::int64_t k, std::int64_t stride) {
  const __m256i first = _mm256_cvtps_epi32(x.low), second = _mm256_cvtps_epi32(x.high);
  const __m256i high = pack_sixteen(upper_part(first), upper_part(second));
  const __m256i low = pack_sixteen(lower_part(first), lower_part(second));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(values + 2 * k), high);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(values + 2 * (stride + k)), low);
}

}  // namespace mime_fast::cpu::MIME_FAST_ISA

#include "cpu/fixed_rows.h"
#include "cpu/int8_outputs.h"

namespace mime_fast::cpu::MIME_FAST_ISA {

// Four elements of a row, once for each of four outputs.
inline __m256i four_elements(const std::uint8_t* values) {
  std::int64_t bits;
  std::memcpy(&bits, values, sizeof bits);
  return _mm256_set1_epi64x(bits);
}

// Eight exact sums, rounded to float32, from two registers of four outputs, two lanes each.
struct PairSums {
  __m256i first, second;

  __m256i added() const { return _mm256_permute4x64_epi64(_mm256_hadd_epi32(first, second), 0xD8); }
};
inline __m128 joined(__m128i high, __m128i low) {
  const __m256d upper = _mm256_cvtepi32_pd(high), lower = _mm256_cvtepi32_pd(low);
  return _mm256_cvtpd_ps(_mm256_fmadd_pd(upper, _mm256_set1_pd(4096.0), lower));
}
inline __m256 eight_sums(PairSums high, PairSums low) {
  const __m256i upper = high.added(), lower = low.added();
  return _mm256_set_m128(
      joined(_mm256_extracti128_si256(upper, 1), _mm256_extracti128_si256(lower, 1)),
      joined(_mm256_castsi256_si128(upper), _mm256_castsi256_si128(lower)));
}

// Computes 4 * Q outputs of R rows, from a quad of the panel on. The sums need 2 * R * Q of sixteen
// registers.
//   sums  // (R, 2) eight outputs each
template <unsigned R, unsigned Q>
inline void quad_sums(const Int8Product& p, std::int64_t row, std::int64_t panel, unsigned quad,
                      __m256 sums[R][2]) {
  __m256i acc[R][2][Q];
  MIME_FAST_UNROLL
  for (auto& own : acc) {
    MIME_FAST_UNROLL
    for (auto& part : own) {
      MIME_FAST_UNROLL
      for (auto& sum : part) sum = _mm256_setzero_si256();
    }
  }
  const std::int8_t* w = p.w + panel * p.x.stride * kLanes + 16 * quad;
  const std::uint8_t* const x = p.x.values + row * 4 * p.x.stride;
  for (std::int64_t k = 0; k < p.x.stride; k += 4, w += 4 * kLanes) {
    __m256i column[Q];
    MIME_FAST_UNROLL
    for (unsigned q = 0; q < Q; ++q) {
      column[q] = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w) + q));
    }
    MIME_FAST_UNROLL
    for (unsigned r = 0; r < R; ++r) {
      MIME_FAST_UNROLL
      for (unsigned part = 0; part < 2; ++part) {
        const __m256i four = four_elements(x + r * 4 * p.x.stride + 2 * (part * p.x.stride + k));
        MIME_FAST_UNROLL
        for (unsigned q = 0; q < Q; ++q) {
          __m256i& sum = acc[r][part][q];
          sum = in_order(_mm256_add_epi32(sum, _mm256_madd_epi16(column[q], four)));
        }
      }
    }
  }
  for (unsigned r = 0; r < R; ++r) {
    const auto& [high, low] = acc[r];
    for (unsigned q = 0; q < Q; q += 2) {
      sums[r][(quad + q) / 2] = eight_sums({high[q], high[q + 1]}, {low[q], low[q + 1]});
    }
  }
}

template <unsigned R>
inline void int8_rows(const Int8Product& p, std::int64_t row, std::int64_t panel) {
  constexpr unsigned kQuads = R == 1 ? 4 : 2;
  __m256 sums[R][2];
  for (unsigned quad = 0; quad < 4; quad += kQuads) {
    quad_sums<R, kQuads>(p, row, panel, quad, sums);
  }
  for (unsigned r = 0; r < R; ++r) write_outputs(p, row + r, panel, Vec{sums[r][0], sums[r][1]});
}

inline void int8_matmul(const Int8Product& p) {
  for (std::int64_t panel = 0; panel < p.panels; ++panel) {
    for (std::int64_t row = 0; row < p.rows;) {
      const std::int64_t left = p.rows - row;
      if (left == 1) {
        int8_rows<1>(p, row, panel);
        row += 1;
      } else if (left == 2 || left == 4) {  // two pairs are quicker than three rows and one
        int8_rows<2>(p, row, panel);
        row += 2;
      } else {
        int8_rows<3>(p, row, panel);
        row += 3;
      }
    }
  }
}

}  // namespace mime_fast::cpu::MIME_FAST_ISA
