#pragma once

#include <cstdint>
#include <cstring>

#include "cpu/kernels.h"

// Sixteen floats, for any processor. The vector headers beside this one define the same type with
// the same results, bit for bit: every multiply-add rounds once, every sum has the same order.
namespace mime_fast::cpu::MIME_FAST_ISA {

struct Vec {
  float lane[kLanes];
};

template <typename Function>
inline Vec each(Function function) {
  Vec result;
  for (int i = 0; i < kLanes; ++i) result.lane[i] = function(i);
  return result;
}

inline Vec splat(float value) {
  return each([=](int) { return value; });
}
inline Vec load(const float* from) {
  Vec result;
  std::memcpy(result.lane, from, sizeof result.lane);
  return result;
}
// bfloat16: the upper half of a float.
inline Vec load(const std::uint16_t* from) {
  return each([=](int i) {
    const std::uint32_t bits = std::uint32_t{from[i]} << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  });
}
inline Vec load(const std::int8_t* from) {
  return each([=](int i) { return static_cast<float>(from[i]); });
}
inline void store(float* to, const Vec& v) { std::memcpy(to, v.lane, sizeof v.lane); }

inline Vec fma(const Vec& a, const Vec& b, const Vec& c) {
  return each([&](int i) { return __builtin_fmaf(a.lane[i], b.lane[i], c.lane[i]); });
}
inline Vec add(const Vec& a, const Vec& b) {
  return each([&](int i) { return a.lane[i] + b.lane[i]; });
}
inline Vec sub(const Vec& a, const Vec& b) {
  return each([&](int i) { return a.lane[i] - b.lane[i]; });
}
inline Vec mul(const Vec& a, const Vec& b) {
  return each([&](int i) { return a.lane[i] * b.lane[i]; });
}
inline Vec div(const Vec& a, const Vec& b) {
  return each([&](int i) { return a.lane[i] / b.lane[i]; });
}
inline Vec max(const Vec& a, const Vec& b) {
  return each([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
}
inline Vec min(const Vec& a, const Vec& b) {
  return each([&](int i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
}

// Bit i: a >= b in lane i.
inline std::uint32_t at_least(const Vec& a, const Vec& b) {
  std::uint32_t bits = 0;
  for (int i = 0; i < kLanes; ++i) bits |= static_cast<std::uint32_t>(a.lane[i] >= b.lane[i]) << i;
  return bits;
}
// v where the bit is set, 0 elsewhere.
inline Vec keep(const Vec& v, std::uint32_t bits) {
  return each([&](int i) { return (bits >> i & 1) != 0 ? v.lane[i] : 0.0F; });
}

// value * 2^exponent for whole exponents in [-126, 127].
inline Vec scale_by_power(const Vec& value, const Vec& exponent) {
  return each([&](int i) {
    const std::int32_t bits = (static_cast<std::int32_t>(exponent.lane[i]) + 127) << 23;
    float power;
    std::memcpy(&power, &bits, sizeof power);
    return value.lane[i] * power;
  });
}

// Adds lane l and l + 8, then l + 4, l + 2, l + 1: the order of every horizontal sum.
inline float sum(Vec v) {
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) v.lane[i] += v.lane[i + half];
  }
  return v.lane[0];
}
// Lane i: sum(v[i]).
inline Vec sums(const Vec* v) {
  return each([&](int i) { return sum(v[i]); });
}

}  // namespace mime_fast::cpu::MIME_FAST_ISA
