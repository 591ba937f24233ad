#include "sampling/row_scan.h"

#include <limits>
#include <stdexcept>
#include <string>

namespace mime_fast {

RowScan scan_row(const float* row, std::int64_t vocab) {
  float max = -std::numeric_limits<float>::infinity();
  int nans = 0;
#pragma omp simd reduction(max : max) reduction(| : nans)
  for (std::int64_t i = 0; i < vocab; ++i) {
    max = row[i] > max ? row[i] : max;
    nans |= static_cast<int>(row[i] != row[i]);
  }
  return {max, nans != 0};
}

float checked_max(const float* row, std::int64_t vocab, std::int64_t row_index) {
  const RowScan scan = scan_row(row, vocab);
  if (!scan.has_nan) return scan.max;
  throw std::invalid_argument("logits must not hold NaN, got one in row " +
                              std::to_string(row_index));
}

}  // namespace mime_fast
