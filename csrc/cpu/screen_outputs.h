#pragma once

#include <cstdint>

#include "cpu/kernels.h"

// Included behind a Vec.
namespace mime_fast::cpu::MIME_FAST_ISA {

// Writes sixteen scores of a row. dot: the sums of (w - 128) p.
inline void write_scores(const Screen& s, std::int64_t row, std::int64_t panel, const Vec& dot) {
  const std::int64_t word = panel * kLanes;
  const Vec scale = mul(load(s.scale + word), splat(s.unit[row]));
  store(s.scores + row * s.score_stride + word, add(mul(dot, scale), load(s.bias + word)));
}

}  // namespace mime_fast::cpu::MIME_FAST_ISA
