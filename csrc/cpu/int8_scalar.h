#pragma once

#include <cstdint>
#include <cstring>

#include "cpu/kernels.h"

namespace mime_fast::cpu::MIME_FAST_ISA {

// X as int32.
inline void store_fixed(const Vec& x, std::uint8_t* values, std::int64_t k, std::int64_t) {
  for (int i = 0; i < kLanes; ++i) {
    const auto whole = static_cast<std::int32_t>(__builtin_rintf(x.lane[i]));
    std::memcpy(values + 4 * (k + i), &whole, sizeof whole);
  }
}

inline std::int64_t exact_sum(const std::int8_t* w, const std::uint8_t* values,
                              std::int64_t stride) {
  std::int64_t sum = 0;
  for (std::int64_t k = 0; k < stride; k += 4, w += 4 * kLanes) {
    std::int32_t x[4];
    std::memcpy(x, values + 4 * k, sizeof x);
    for (int i = 0; i < 4; ++i) sum += std::int64_t{w[i]} * x[i];
  }
  return sum;
}

}  // namespace mime_fast::cpu::MIME_FAST_ISA

#include "cpu/fixed_rows.h"
#include "cpu/int8_outputs.h"

namespace mime_fast::cpu::MIME_FAST_ISA {

inline void int8_matmul(const Int8Product& p) {
  for (std::int64_t panel = 0; panel < p.panels; ++panel) {
    const std::int8_t* const w = p.w + panel * p.x.stride * kLanes;
    for (std::int64_t row = 0; row < p.rows; ++row) {
      const std::uint8_t* const values = p.x.values + row * 4 * p.x.stride;
      write_outputs(p, row, panel, each([&](int lane) {
                      return static_cast<float>(exact_sum(w + 4 * lane, values, p.x.stride));
                    }));
    }
  }
}

}  // namespace mime_fast::cpu::MIME_FAST_ISA
