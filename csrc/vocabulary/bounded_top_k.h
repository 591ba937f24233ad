#pragma once

#include <cstdint>
#include <vector>

#include "vocabulary/screened_row.h"

namespace mime_fast {

// Finds the k best words of finite logit, or all if there are fewer, in the order of ranks_before;
// end-of-reply if there are none. They are those of float32, bit for bit: see docs/screening.md.
void find_best(ScreenedRow& row, std::int64_t k, std::vector<TokenLogit>& best);

// Sorts the words, and keeps the k best; returns false if there are fewer.
bool keep_best(std::int64_t k, std::vector<TokenLogit>& best);

}  // namespace mime_fast
