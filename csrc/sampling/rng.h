#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include "sampling/device.h"

// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011). Number i is a pure function of (seed, stream, i), so every engine, thread and
// batch layout draws the same numbers.
namespace mime_fast {

using PhiloxBlock = std::array<std::uint32_t, 4>;

// Ten rounds over one counter; the key is (low word, high word) of the seed.
MIME_FAST_DEVICE inline PhiloxBlock philox4x32(PhiloxBlock counter, std::uint64_t seed) {
  auto key0 = static_cast<std::uint32_t>(seed);
  auto key1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key0,
               static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key1,
               static_cast<std::uint32_t>(product0)};
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return counter;
}

// One sequence of random numbers. Numbers 2b and 2b + 1 come from the counter
// (low word of b, high word of b, stream, 0).
struct RandomStream {
  std::uint64_t seed;
  std::uint32_t stream;

  // Uniform on [0, 1) with 53 bits: the first word of each half of a block is the low one.
  MIME_FAST_DEVICE std::array<double, 2> uniform_pair(std::uint64_t block) const {
    const PhiloxBlock words = philox4x32(
        {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), stream, 0},
        seed);
    return {to_unit(words[0], words[1]), to_unit(words[2], words[3])};
  }

  // Standard normal, by Box and Muller; 1 - u is in (0, 1], so the logarithm is finite.
  std::array<double, 2> normal_pair(std::uint64_t block) const {
    const auto [first, second] = uniform_pair(block);
    const double radius = std::sqrt(-2.0 * std::log(1.0 - first));
    const double angle = 6.283185307179586 * second;
    return {radius * std::cos(angle), radius * std::sin(angle)};
  }

  // Number i.
  MIME_FAST_DEVICE double uniform(std::uint64_t i) const { return uniform_pair(i / 2)[i % 2]; }

  // out  // (count,): numbers offset .. offset + count - 1
  void fill_uniform(std::uint64_t offset, std::uint64_t count, double* out) const {
    std::array<double, 2> pair{};
    for (std::uint64_t n = 0; n < count; ++n) {
      const std::uint64_t i = offset + n;
      if (n == 0 || i % 2 == 0) pair = uniform_pair(i / 2);
      out[n] = pair[i % 2];
    }
  }

  // out  // (count,)
  void fill_normal(std::uint64_t count, float* out) const {
    for (std::uint64_t i = 0; i < count; i += 2) {
      const auto pair = normal_pair(i / 2);
      out[i] = static_cast<float>(pair[0]);
      if (i + 1 < count) out[i + 1] = static_cast<float>(pair[1]);
    }
  }

 private:
  MIME_FAST_DEVICE static double to_unit(std::uint32_t low, std::uint32_t high) {
    const std::uint64_t bits = (std::uint64_t{high} << 32 | low) >> 11;
    return static_cast<double>(bits) * 0x1p-53;
  }
};

}  // namespace mime_fast
