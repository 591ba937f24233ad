#pragma once

#include <immintrin.h>

#include <cstdint>

// Included behind the Vec of vec_avx512.h.
namespace mime_fast::cpu::MIME_FAST_ISA {

inline __m512i join_planes(__m512i first, __m512i second) {
  return _mm512_add_epi32(_mm512_mullo_epi32(first, _mm512_set1_epi32(127)), second);
}
inline Vec to_float(__m512i total, std::int32_t correction) {
  return _mm512_cvtepi32_ps(_mm512_sub_epi32(total, _mm512_set1_epi32(correction)));
}

}  // namespace mime_fast::cpu::MIME_FAST_ISA
