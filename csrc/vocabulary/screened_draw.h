#pragma once

#include <vector>

#include "vocabulary/screened_row.h"

namespace mime_fast {

// Draws the word that all float32 logits would give at that uniform number: see docs/screening.md.
//   uniform  // in [0, 1)
//   best     // its storage is reused
TokenLogit draw_screened(ScreenedRow& row, double uniform, const SamplingOptions& options,
                         std::vector<TokenLogit>& best);

}  // namespace mime_fast
