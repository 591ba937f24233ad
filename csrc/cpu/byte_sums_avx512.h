#pragma once

#include <immintrin.h>

#include <cstdint>

#include "cpu/int8_outputs.h"
#include "cpu/kernels.h"

// Included behind the Vec of vec_avx512.h.
namespace mime_fast::cpu::MIME_FAST_ISA {

// X + kFixedShift is 65536 high + 256 middle + low.
constexpr unsigned kBytes = 3;

// Eight exact sums, rounded to float32, from the sums of each byte.
inline __m256 eight_sums(__m256i high, __m256i middle, __m256i low, const double* shift) {
  const __m512d base = _mm512_set1_pd(256.0);
  const __m512d upper = _mm512_fmadd_pd(_mm512_cvtepi32_pd(high), base, _mm512_cvtepi32_pd(middle));
  const __m512d sum = _mm512_fmadd_pd(upper, base, _mm512_cvtepi32_pd(low));
  return _mm512_cvtpd_ps(_mm512_sub_pd(sum, _mm512_loadu_pd(shift)));
}

inline void write_byte_sums(const Int8Product& p, std::int64_t row, std::int64_t panel,
                            __m512i high, __m512i middle, __m512i low) {
  const double* const shift = p.shift + panel * kLanes;
  const __m256 first = eight_sums(_mm512_castsi512_si256(high), _mm512_castsi512_si256(middle),
                                  _mm512_castsi512_si256(low), shift);
  const __m256 second =
      eight_sums(_mm512_extracti64x4_epi64(high, 1), _mm512_extracti64x4_epi64(middle, 1),
                 _mm512_extracti64x4_epi64(low, 1), shift + 8);
  write_outputs(p, row, panel, _mm512_insertf32x8(_mm512_castps256_ps512(first), second, 1));
}

}  // namespace mime_fast::cpu::MIME_FAST_ISA
