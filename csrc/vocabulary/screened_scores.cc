#include "vocabulary/screened_scores.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>

#include "search/special.h"

namespace mime_fast {
namespace {

constexpr std::int64_t kFewestGroups = 128;

}  // namespace

ScreenedScores::Scratch::Scratch(std::int64_t padded_words)
    : ids(Buffer<std::int32_t>::uninitialised(padded_words)),
      exact(Buffer<float>::uninitialised(padded_words)),
      weights(Buffer<float>::uninitialised(padded_words)) {}

void ScreenedScores::reset(const float* hidden, float* scores, const cpu::ScreenBound& bound) {
  hidden_ = hidden;
  scores_ = scores;
  bound_ = bound;
  penalised_.clear();
}

void ScreenedScores::constrain(const Constraint& constraint) {
  // Blocked words first: one of them may be penalised as well.
  for (std::size_t i = 0; i < constraint.blocked_count; ++i)
    scores_[constraint.blocked[i]] = kNever;
  for (std::size_t i = 0; i < constraint.penalised_count; ++i) {
    const std::int32_t id = constraint.penalised[i];
    if (scores_[id] == kNever) continue;
    scores_[id] = kNever;
    const Candidate word{penalise(logit(id), constraint.penalty), id};
    if (word.logit == -kNever) {
      throw std::invalid_argument("logits must be finite or -inf, got inf at id " +
                                  std::to_string(id) + "; repetition_penalty makes it too large");
    }
    penalised_.push_back(word);
  }
}

void ScreenedScores::prepare(const Needs& needs) {
  if (needs.draw) draw(*needs.draw);
  if (needs.normaliser) find_normaliser();
  if (needs.best == 0 || (needs.normaliser && keep_best(needs.best))) return;
  find_best(needs.best);
}

void ScreenedScores::find_best(std::int64_t k) {
  k = std::min(k, vocabulary_->words());
  const float threshold = std::max(least_best(k) - bound_.largest, kLowest);
  const std::int64_t count = kernels_->gather_possible(
      scores_, bound_, threshold, vocabulary_->padded_words(), scratch_->ids.data());
  rescore(count);
  best_.clear();
  for (const Candidate& word : penalised_) {
    if (word.logit != kNever) best_.push_back(word);  // a penalty may be that large
  }
  for (std::int64_t i = 0; i < count; ++i) {
    best_.push_back({scratch_->exact[i], scratch_->ids[i]});
  }
  if (best_.empty()) best_.push_back({0, kEos});
  keep_best(std::min(k, static_cast<std::int64_t>(best_.size())));
}

bool ScreenedScores::keep_best(std::int64_t k) {
  if (static_cast<std::int64_t>(best_.size()) < k) return false;
  std::partial_sort(best_.begin(), best_.begin() + k, best_.end(), ranks_before);
  best_.resize(static_cast<std::size_t>(k));
  return true;
}

// The largest of groups of words stand for all of them: most of the best words are the best of
// their group. The fewest groups keep the processor from waiting for its own last store.
float ScreenedScores::least_best(std::int64_t k) {
  const std::int64_t words = vocabulary_->padded_words();
  const std::int64_t groups = std::min(std::max(kFewestGroups, cpu::padded(4 * k)), words);
  float* maxima = scratch_->exact.data();
  kernels_->group_maxima(scores_, words, groups, maxima);
  if (k == 1) return *std::max_element(maxima, maxima + groups);
  std::nth_element(maxima, maxima + (k - 1), maxima + groups, std::greater<>());
  return maxima[k - 1];
}

float ScreenedScores::logit(std::int32_t id) const {
  float result;
  compute_logits(&id, 1, &result);
  return result;
}

void ScreenedScores::rescore(std::int64_t count) {
  compute_logits(scratch_->ids.data(), count, scratch_->exact.data());
}

void ScreenedScores::compute_logits(const std::int32_t* ids, std::int64_t count,
                                    float* logits) const {
  kernels_->gathered_dots({.w = vocabulary_->weights(),
                           .bias = vocabulary_->bias(),
                           .inner = vocabulary_->stride(),
                           .x = hidden_,
                           .ids = ids,
                           .count = count,
                           .y = logits});
}

float ScreenedScores::largest() {
  float top = least_best(1);
  for (const Candidate& candidate : penalised_) top = std::max(top, candidate.logit);
  return top;
}

}  // namespace mime_fast
