#define MIME_FAST_ISA avx512

#include "cpu/vec_avx512.h"
//
#include "cpu/plane_sums_avx512.h"

namespace mime_fast::cpu::avx512 {

// 24 sums, 4 columns and a factor fill 29 of the 32 registers.
constexpr unsigned kProductRows = 6;
constexpr unsigned kProductPanels = 4;
constexpr unsigned kFewRowsPanels = 8;  // if there are one or two rows
constexpr unsigned kDotSums = 16;
constexpr unsigned kScreenPanels = 4;

constexpr std::int32_t kMaxPlaneValue = 127;

using IntVec = __m512i;

inline IntVec int_zero() { return _mm512_setzero_si512(); }
inline IntVec int_load(const std::uint8_t* from) { return _mm512_loadu_si512(from); }
inline IntVec int_splat(std::int32_t value) { return _mm512_set1_epi32(value); }
inline IntVec multiply_add(IntVec acc, IntVec w, IntVec planes) {
  asm("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(w), "v"(planes));
  return acc;
}
}  // namespace mime_fast::cpu::avx512

#include "cpu/float_kernels.h"
#include "cpu/int8_avx512.h"
#include "cpu/screen_simd.h"
#include "cpu/vocabulary_kernels.h"
//
#include "cpu/kernel_table.h"
