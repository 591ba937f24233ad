#pragma once

#include <cstdint>

#include "mime_fast/logits.h"

namespace mime_fast {

// Finds the k largest logits of every row, largest first; of equal logits the lowest id comes
// first.
//   values  // (rows, k)
//   ids     // (rows, k)
// Throws std::invalid_argument if k is outside [1, vocab] or a row holds NaN; -inf is allowed.
void top_k(const Logits& logits, std::int64_t k, float* values, std::int64_t* ids);

}  // namespace mime_fast
