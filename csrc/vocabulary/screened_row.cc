#include "vocabulary/screened_row.h"

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <string>

namespace mime_fast {
namespace {

// Fewer groups would make the processor wait for its own last store.
constexpr std::int64_t kFewestGroups = 128;

}  // namespace

ScreenedRow::Scratch::Scratch(std::int64_t padded_words)
    : ids(Buffer<std::int32_t>::uninitialised(padded_words)),
      logits(Buffer<float>::uninitialised(padded_words)),
      weights(Buffer<float>::uninitialised(padded_words)) {}

void ScreenedRow::reset(const float* hidden, float* scores, const cpu::ScreenBound& bound) {
  hidden_ = hidden;
  scores_ = scores;
  bound_ = bound;
  penalised_.clear();
}

void ScreenedRow::constrain(const Constraint& constraint) {
  // Blocked words come first, because one of them may be penalised as well.
  for (std::size_t i = 0; i < constraint.blocked_count; ++i)
    scores_[constraint.blocked[i]] = kNever;
  for (std::size_t i = 0; i < constraint.penalised_count; ++i) {
    const std::int32_t id = constraint.penalised[i];
    if (scores_[id] == kNever) continue;
    scores_[id] = kNever;
    float logit;
    compute_logits(&id, 1, &logit);
    const TokenLogit word{penalise(logit, constraint.penalty), id};
    if (word.logit == -kNever) {
      throw std::invalid_argument("logits must be finite or -inf, got inf at id " +
                                  std::to_string(id) + "; repetition_penalty makes it too large");
    }
    penalised_.push_back(word);
  }
}

// The largest scores of groups of words stand for all scores: most of the best words are the best
// of their group.
float ScreenedRow::kth_score(std::int64_t k) {
  const std::int64_t words = vocabulary_->padded_words();
  const std::int64_t groups = std::min(std::max(kFewestGroups, cpu::padded(4 * k)), words);
  float* maxima = scratch_->logits.data();
  kernels_->group_maxima(scores_, words, groups, maxima);
  if (k == 1) return *std::max_element(maxima, maxima + groups);
  std::nth_element(maxima, maxima + (k - 1), maxima + groups, std::greater<>());
  return maxima[k - 1];
}

float ScreenedRow::largest() {
  float top = kth_score(1);
  for (const TokenLogit& word : penalised_) top = std::max(top, word.logit);
  return top;
}

std::int64_t ScreenedRow::gather(float threshold) {
  const std::int64_t count = kernels_->gather_possible(
      scores_, bound_, threshold, vocabulary_->padded_words(), scratch_->ids.data());
  compute_gathered(count);
  return count;
}

void ScreenedRow::compute_gathered(std::int64_t count) {
  compute_logits(scratch_->ids.data(), count, scratch_->logits.data());
}

float* ScreenedRow::compute_all() {
  const std::int64_t words = vocabulary_->padded_words();
  float* logits = scratch_->logits.data();
  const ConstRowView hidden(hidden_, 1, vocabulary_->stride());
  vocabulary_->project_words(*kernels_, 0, words, hidden, {logits, 1, words});
  for (std::int64_t id = 0; id < words; ++id) {
    if (scores_[id] == kNever) logits[id] = kNever;
  }
  for (const TokenLogit& word : penalised_) logits[word.id] = word.logit;
  return logits;
}

void ScreenedRow::compute_logits(const std::int32_t* ids, std::int64_t count, float* logits) const {
  vocabulary_->project_gathered(*kernels_, hidden_, ids, count, logits);
}

}  // namespace mime_fast
