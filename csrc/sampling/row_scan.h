#pragma once

#include <cstdint>

namespace mime_fast {

struct RowScan {
  float max;  // of the values that are not NaN; -inf if there is none
  bool has_nan;
};

// row  // (vocab,)
RowScan scan_row(const float* row, std::int64_t vocab);

// Returns the maximum of a row. Throws std::invalid_argument, which names the row, if it holds NaN.
float checked_max(const float* row, std::int64_t vocab, std::int64_t row_index);

}  // namespace mime_fast
