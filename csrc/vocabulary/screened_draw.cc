#include <algorithm>
#include <cmath>
#include <limits>

#include "sampling/draw.h"
#include "search/special.h"
#include "vocabulary/screened_scores.h"

// Draws a word of a screened row.
namespace mime_fast {
namespace {

// Words are computed down to this share of the total, whose error is at most the other share. A
// coin that falls on none of them, or within the error of a word's edge, asks for more words: one
// in 14 of real replies, one in 6 with top_p. One in 50 must read all logits, for 1 ms.
constexpr double kCut = 1e-4;
constexpr double kTolerance = 1e-4;
constexpr double kFiner = 1.0 / 4;
constexpr double kFinest = 5e-6;
// Below this a float cannot hold 1 / temperature, times any difference of logits.
constexpr double kColdest = 1e-30;
// Relative error of a sum of exponentials in float32, with room.
constexpr double kFloatError = 3e-6;

}  // namespace

void ScreenedScores::draw(const SamplingOptions& options) {
  if (options.top_k > 0) {
    find_best(options.top_k);
    const float max = best_.front().logit;
    sort_by_id(best_);
    drawn_ = draw_candidate(best_, max, uniform_, options);
    return;
  }
  if (options.temperature < kColdest) {
    drawn_ = draw_from_all(options);
    return;
  }
  std::optional<Candidate> drawn;
  for (double finer = 1; !drawn && kTolerance * finer > kFinest; finer *= kFiner) {
    drawn = draw_from_screened(options, finer);
    const auto known = static_cast<std::int64_t>(best_.size());
    if (known == 0 || known > vocabulary_->words() / 8) break;  // hardly any, or hardly fewer
  }
  drawn_ = drawn ? *drawn : draw_from_all(options);
}

// From the best words, which were computed in float32. Nothing if the coin falls on another, or so
// near the edge of a word that the error of the total decides.
std::optional<Candidate> ScreenedScores::draw_from_screened(const SamplingOptions& options,
                                                            double finer) {
  const Mass mass = weigh(options.temperature, kTolerance * finer, kCut * finer * finer);
  if (mass.total == 0) return Candidate{0, kEos};
  if (best_.empty()) return std::nullopt;
  const double excess = static_cast<double>(mass.top) - static_cast<double>(mass.max);
  const double scale = std::exp(excess / options.temperature);
  const double error = mass.error + kFloatError * mass.total;
  const WeightRange total{(mass.total - error) * scale, (mass.total + error) * scale};
  return draw_from_best(best_, mass.max, total, uniform_, options);
}

Candidate ScreenedScores::draw_from_all(const SamplingOptions& options) {
  const std::int64_t words = vocabulary_->padded_words();
  float* logits = scratch_->exact.data();
  kernels_->row_dots({.w = vocabulary_->weights(),
                      .bias = vocabulary_->bias(),
                      .inner = vocabulary_->stride(),
                      .x = hidden_,
                      .rows = 1,
                      .first_word = 0,
                      .last_word = words,
                      .y = logits,
                      .y_stride = words});
  for (std::int64_t id = 0; id < words; ++id) {
    if (scores_[id] == kNever) logits[id] = kNever;
  }
  for (const Candidate& word : penalised_) logits[word.id] = word.logit;
  const float max = *std::max_element(logits, logits + vocabulary_->words());
  if (max == kNever) return {0, kEos};
  return draw_from_row(logits, vocabulary_->words(), max, uniform_, options, best_);
}

}  // namespace mime_fast
