#define MIME_FAST_ISA avx2

#include "cpu/vec_avx2.h"

namespace mime_fast::cpu::avx2 {

// Sums that fit into sixteen registers of eight lanes, with room for the factors.
constexpr unsigned kProductRows = 3;
constexpr unsigned kProductPanels = 2;
constexpr unsigned kFewRowsPanels = 2;  // if there are one or two rows
constexpr unsigned kDotSums = 4;
constexpr unsigned kScreenPanels = 1;

// A pair of products of an unsigned byte and a plane's value must fit into 16 bits:
// 2 * 255 * 63 = 32,130. With greater values the instruction saturates.
constexpr std::int32_t kMaxPlaneValue = 63;

struct IntVec {
  __m256i low, high;
};

inline IntVec int_zero() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
inline IntVec int_load(const std::uint8_t* from) {
  const auto* halves = reinterpret_cast<const __m256i*>(from);
  return {_mm256_loadu_si256(halves), _mm256_loadu_si256(halves + 1)};
}
inline IntVec int_splat(std::int32_t value) {
  return {_mm256_set1_epi32(value), _mm256_set1_epi32(value)};
}
inline __m256i multiply_add_eight(__m256i acc, __m256i w, __m256i planes) {
  const __m256i pairs = _mm256_maddubs_epi16(w, planes);
  return in_order(_mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))));
}
inline IntVec multiply_add(IntVec acc, IntVec w, IntVec planes) {
  return {multiply_add_eight(acc.low, w.low, planes.low),
          multiply_add_eight(acc.high, w.high, planes.high)};
}
inline __m256i join_eight(__m256i first, __m256i second) {
  return _mm256_add_epi32(_mm256_mullo_epi32(first, _mm256_set1_epi32(127)), second);
}
inline IntVec join_planes(IntVec first, IntVec second) {
  return {join_eight(first.low, second.low), join_eight(first.high, second.high)};
}
inline Vec to_float(IntVec total, std::int32_t correction) {
  const __m256i shift = _mm256_set1_epi32(correction);
  return {_mm256_cvtepi32_ps(_mm256_sub_epi32(total.low, shift)),
          _mm256_cvtepi32_ps(_mm256_sub_epi32(total.high, shift))};
}

}  // namespace mime_fast::cpu::avx2

#include "cpu/float_kernels.h"
#include "cpu/int8_avx2.h"
#include "cpu/screen_simd.h"
#include "cpu/vocabulary_kernels.h"
//
#include "cpu/kernel_table.h"
