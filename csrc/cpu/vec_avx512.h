#pragma once

#include <immintrin.h>

#include <cstdint>

#include "cpu/kernels.h"

// Sixteen floats in one AVX-512 register: the type of vec_scalar.h, with the same results bit for
// bit.
namespace mime_fast::cpu::MIME_FAST_ISA {

using Vec = __m512;

inline Vec splat(float value) { return _mm512_set1_ps(value); }
inline Vec load(const float* from) { return _mm512_loadu_ps(from); }
inline Vec load(const std::uint16_t* from) {
  const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}
inline Vec load(const std::int8_t* from) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
}
inline void store(float* to, Vec v) { _mm512_storeu_ps(to, v); }

inline Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
inline Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
inline Vec sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
inline Vec mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
inline Vec div(Vec a, Vec b) { return _mm512_div_ps(a, b); }
inline Vec max(Vec a, Vec b) { return _mm512_max_ps(a, b); }
inline Vec min(Vec a, Vec b) { return _mm512_min_ps(a, b); }

inline std::uint32_t at_least(Vec a, Vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
inline Vec keep(Vec v, std::uint32_t bits) {
  return _mm512_maskz_mov_ps(static_cast<__mmask16>(bits), v);
}

inline Vec scale_by_power(Vec value, Vec exponent) { return _mm512_scalef_ps(value, exponent); }

// Adds the halves of a and of b: lane l of each with lane l + 8.
inline Vec fold_halves(Vec a, Vec b) {
  return add(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xEE));
}

// Lane i: sum(v[i]). A tree of folds, each in the order of sum(): 15 additions instead of 64.
inline Vec sums(const Vec* v) {
  Vec eighths[8];
  for (int i = 0; i < 8; ++i) eighths[i] = fold_halves(v[i], v[i + 8]);  // a: 8 lanes, b: 8 lanes
  Vec quarters[4];  // four lanes each of v[i], v[i + 4], v[i + 8], v[i + 12]
  for (int i = 0; i < 4; ++i) {
    quarters[i] = add(_mm512_shuffle_f32x4(eighths[i], eighths[i + 4], 0x88),
                      _mm512_shuffle_f32x4(eighths[i], eighths[i + 4], 0xDD));
  }
  Vec pairs[2];
  for (int i = 0; i < 2; ++i) {
    pairs[i] = add(_mm512_shuffle_ps(quarters[i], quarters[i + 2], 0x44),
                   _mm512_shuffle_ps(quarters[i], quarters[i + 2], 0xEE));
  }
  const Vec single =
      add(_mm512_shuffle_ps(pairs[0], pairs[1], 0x88), _mm512_shuffle_ps(pairs[0], pairs[1], 0xDD));
  // Block b of 128 bits holds the sums of one quarters-lane group: see the order above.
  const __m512i order = _mm512_setr_epi32(0, 2, 1, 3, 8, 10, 9, 11, 4, 6, 5, 7, 12, 14, 13, 15);
  return _mm512_permutexvar_ps(order, single);
}

inline float sum(Vec v) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

}  // namespace mime_fast::cpu::MIME_FAST_ISA
