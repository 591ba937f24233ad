#pragma once

#include <cstdint>

#include "cpu/kernels.h"

// Included behind a Vec.
namespace mime_fast::cpu::MIME_FAST_ISA {

// Writes sixteen outputs of a row from the exact sums, which were rounded to float32.
inline void write_outputs(const Int8Product& p, std::int64_t row, std::int64_t panel,
                          const Vec& sums) {
  const std::int64_t column = panel * kLanes;
  float* const y = p.y + row * p.y_stride + column;
  const Vec value = mul(sums, splat(p.x.unit[row]));
  Vec result = fma(value, load(p.scale + column), load(p.bias + column));
  if (p.relu) result = max(result, splat(0.0F));
  if (p.add) result = add(load(y), result);
  store(y, result);
}

}  // namespace mime_fast::cpu::MIME_FAST_ISA
