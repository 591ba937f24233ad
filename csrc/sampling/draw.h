#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "mime_fast/select_tokens.h"
#include "sampling/candidates.h"

namespace mime_fast {

// Draws one of the candidates: what top_p and min_p leave of them meets the uniform.
//   candidates  // what top_k leaves, in ascending order of id, reordered here; -inf weighs nothing
//   max         // the largest logit, finite
//   uniform     // in [0, 1)
// options.top_k is not read.
Candidate draw_candidate(std::vector<Candidate>& candidates, float max, double uniform,
                         const SamplingOptions& options);

// Where a sum of weights lies; the best candidate weighs 1.
struct WeightRange {
  double low;
  double high;
};

// The same of a row whose best candidates alone are known, in any order, and roughly what all of
// them weigh. Nothing if that leaves open which one is drawn. options.top_k is not read.
std::optional<Candidate> draw_from_best(std::vector<Candidate>& best, float max, WeightRange total,
                                        double uniform, const SamplingOptions& options);

// Puts candidates into the order that draw_candidate needs.
void sort_by_id(std::vector<Candidate>& candidates);

// Gathers what top_k leaves of a row and draws from it.
//   row         // (vocab,), without NaN
//   candidates  // its storage is reused
Candidate draw_from_row(const float* row, std::int64_t vocab, float max, double uniform,
                        const SamplingOptions& options, std::vector<Candidate>& candidates);

}  // namespace mime_fast
