#pragma once

#include <immintrin.h>

#include <cstdint>

#include "cpu/kernels.h"

// Sixteen floats in two AVX2 registers of 8: the type of vec_scalar.h, with the same results bit
// for bit.
namespace mime_fast::cpu::MIME_FAST_ISA {

struct Vec {
  __m256 low, high;
};

// Computes a sum of whole numbers here, before what follows. By default GCC 12 loads all rows of a
// product first, and keeps the sums in memory: 1.5 times the time for three rows.
inline __m256i in_order(__m256i sum) {
  asm volatile("" : "+x"(sum));
  return sum;
}

inline Vec splat(float value) { return {_mm256_set1_ps(value), _mm256_set1_ps(value)}; }
inline Vec load(const float* from) { return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)}; }
inline __m256 load_eight(const std::uint16_t* from) {
  const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}
inline Vec load(const std::uint16_t* from) { return {load_eight(from), load_eight(from + 8)}; }
inline Vec load(const std::int8_t* from) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)),
          _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)))};
}
inline void store(float* to, Vec v) {
  _mm256_storeu_ps(to, v.low);
  _mm256_storeu_ps(to + 8, v.high);
}

inline Vec fma(Vec a, Vec b, Vec c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
inline Vec add(Vec a, Vec b) {
  return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}
inline Vec sub(Vec a, Vec b) {
  return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}
inline Vec mul(Vec a, Vec b) {
  return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}
inline Vec div(Vec a, Vec b) {
  return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}
inline Vec max(Vec a, Vec b) {
  return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}
inline Vec min(Vec a, Vec b) {
  return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}

inline std::uint32_t at_least(Vec a, Vec b) {
  const int low = _mm256_movemask_ps(_mm256_cmp_ps(a.low, b.low, _CMP_GE_OQ));
  const int high = _mm256_movemask_ps(_mm256_cmp_ps(a.high, b.high, _CMP_GE_OQ));
  return static_cast<std::uint32_t>(low | high << 8);
}
inline __m256 keep_eight(__m256 v, std::uint32_t bits) {
  const __m256i lane_bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  const __m256i set =
      _mm256_and_si256(_mm256_set1_epi32(static_cast<std::int32_t>(bits)), lane_bit);
  return _mm256_and_ps(v, _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, lane_bit)));
}
inline Vec keep(Vec v, std::uint32_t bits) {
  return {keep_eight(v.low, bits), keep_eight(v.high, bits >> 8)};
}

inline __m256 power_of_two(__m256 exponent) {
  const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(exponent), _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
}
inline Vec scale_by_power(Vec value, Vec exponent) {
  return mul(value, {power_of_two(exponent.low), power_of_two(exponent.high)});
}

inline float sum(Vec v) {
  const __m256 eight = _mm256_add_ps(v.low, v.high);
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}
inline Vec sums(const Vec* v) {
  alignas(32) float result[kLanes];
  for (int i = 0; i < kLanes; ++i) result[i] = sum(v[i]);
  return load(result);
}

}  // namespace mime_fast::cpu::MIME_FAST_ISA
