#pragma once

#include <cstdint>

namespace mime_fast {

// The sum of exp(l - max) over a row; at least 1, as the largest logit adds exactly 1.
//   row  // (vocab,), -inf allowed
//   max  // its largest logit, finite
double sum_exp(const float* row, std::int64_t vocab, float max);

}  // namespace mime_fast
