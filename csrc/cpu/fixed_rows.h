#pragma once

#include <cstdint>
#include <cstring>

#include "cpu/kernels.h"

// Included behind a Vec and store_fixed(x, values, k, stride), which rounds sixteen multiples of
// the unit to whole numbers, half to even, and writes them as element k of a row.
namespace mime_fast::cpu::MIME_FAST_ISA {

// The power of two that is the unit of a row: its largest value lies below kFixedLimit units.
// Values below 2^-82 vanish.
inline std::int32_t unit_power(float largest) {
  std::uint32_t bits;
  std::memcpy(&bits, &largest, sizeof bits);
  const auto power = static_cast<std::int32_t>(bits >> 23 & 0xFF) - 127;
  return (power < -60 ? -60 : power) - 21;
}

// The largest absolute value; NaN if a value is NaN or infinite.
inline float largest_of(const float* x, std::int64_t count) {
  const Vec zero = splat(0.0F);
  Vec largest = zero, spoiled = zero;  // max() may drop NaN
  for (std::int64_t i = 0; i < count; i += kLanes) {
    const Vec value = keep(load(x + i), lanes_before(count - i));
    largest = max(largest, max(value, sub(zero, value)));
    spoiled = fma(value, zero, spoiled);
  }
  float lane[kLanes];
  store(lane, largest);
  float result = 0;
  for (const float value : lane) result = value > result ? value : result;
  return result + sum(spoiled);
}

inline void to_fixed(const float* x, std::int64_t count, std::int64_t stride, std::uint8_t* values,
                     float* unit) {
  const float largest = largest_of(x, count);
  const bool is_finite = largest == largest;
  const std::int32_t power = unit_power(is_finite ? largest : 0.0F);
  *unit = is_finite ? __builtin_ldexpf(1.0F, power) : largest;
  const Vec inverse = splat(__builtin_ldexpf(1.0F, -power));
  std::int64_t k = 0;
  for (; k < count; k += kLanes) {
    const Vec value = keep(load(x + k), is_finite ? lanes_before(count - k) : 0);
    store_fixed(mul(value, inverse), values, k, stride);
  }
  for (; k < stride; k += kLanes) store_fixed(splat(0.0F), values, k, stride);
}

}  // namespace mime_fast::cpu::MIME_FAST_ISA
