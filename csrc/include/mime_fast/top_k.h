#pragma once

#include <cstdint>

#include "mime_fast/logits.h"

namespace mime_fast {

// The k largest logits of every row, largest first; equal logits come lowest id first.
//   values  // (rows, k)
//   ids     // (rows, k)
// Throws std::invalid_argument if k is outside [1, vocab] or a row holds NaN; -inf is allowed.
void top_k(const Logits& logits, std::int64_t k, float* values, std::int64_t* ids);

}  // namespace mime_fast
