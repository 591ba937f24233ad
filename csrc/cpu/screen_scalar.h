#pragma once

#include <cstdint>

#include "cpu/kernels.h"
#include "cpu/screen_outputs.h"

namespace mime_fast::cpu::MIME_FAST_ISA {

constexpr std::int32_t kMaxPlaneValue = 127;
constexpr std::int64_t kMaxPlaneVectors = 6;

// Sixteen sums of products of a panel with one vector of planes.
inline void panel_sums(const std::uint8_t* w, const std::int8_t* planes, std::int64_t inner,
                       std::int32_t* out) {
  for (int lane = 0; lane < kLanes; ++lane) out[lane] = 0;
  for (std::int64_t k = 0; k < inner; k += 4, w += 4 * kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      for (int i = 0; i < 4; ++i) out[lane] += w[4 * lane + i] * planes[k + i];
    }
  }
}

inline void screen(const Screen& s) {
  for (std::int64_t panel = s.first_panel; panel < s.last_panel; ++panel) {
    const std::uint8_t* w = s.w + panel * s.inner * kLanes;
    for (std::int64_t row = 0; row < s.rows; ++row) {
      const std::int8_t* planes = s.planes + row * s.plane_count * s.inner;
      std::int32_t total[kLanes];
      panel_sums(w, planes, s.inner, total);
      if (s.plane_count == 2) {
        std::int32_t second[kLanes];
        panel_sums(w, planes + s.inner, s.inner, second);
        for (int lane = 0; lane < kLanes; ++lane) total[lane] = 127 * total[lane] + second[lane];
      }
      write_scores(s, row, panel, each([&](int lane) {
                     return static_cast<float>(total[lane] - s.correction[row]);
                   }));
    }
  }
}

}  // namespace mime_fast::cpu::MIME_FAST_ISA
