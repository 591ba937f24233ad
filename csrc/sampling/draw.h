#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "mime_fast/select_tokens.h"
#include "sampling/token_logit.h"

namespace mime_fast {

// Draws one of the tokens that top_p and min_p keep, by the inverse of their cumulative
// distribution at `uniform`.
//   tokens   // kept by top_k, in ascending order of id; reordered here; -inf has weight 0
//   max      // the largest logit, finite
//   uniform  // in [0, 1)
// options.top_k is not read.
TokenLogit draw_token(std::vector<TokenLogit>& tokens, float max, double uniform,
                      const SamplingOptions& options);

// An interval that holds a sum of weights; the best token has weight 1.
struct WeightRange {
  double low;
  double high;
};

// Draws from a row of which only the best tokens, in any order, and an interval of the total
// weight are known. Nothing if they do not determine the token. options.top_k is not read.
std::optional<TokenLogit> draw_from_best(std::vector<TokenLogit>& best, float max,
                                         WeightRange total, double uniform,
                                         const SamplingOptions& options);

// Sorts tokens by ascending id, as draw_token needs them.
void sort_by_id(std::vector<TokenLogit>& tokens);

// Gathers the tokens that top_k keeps of a row, and draws one.
//   row     // (vocab,), without NaN
//   tokens  // its storage is reused
TokenLogit draw_from_row(const float* row, std::int64_t vocab, float max, double uniform,
                         const SamplingOptions& options, std::vector<TokenLogit>& tokens);

}  // namespace mime_fast
