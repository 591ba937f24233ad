#include "engine/screened_scores.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>

#include "search/special.h"

namespace mime_fast {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();
constexpr float kLowest = std::numeric_limits<float>::lowest();  // anything but blocked

// Words are rescored until a normaliser's error is below this.
constexpr double kTolerance = 1e-4;
// A word's rounding errors add up like a random walk over its weights: their deviation is the bound
// by the root of the number of weights. The error that is reported is six deviations.
constexpr double kDeviations = 6;
// Words are rescored down to this share of the whole, then to the next smaller one, as long as the
// error asks for it: none with random weights, about 100 of 11,036 on real replies.
constexpr double kFirstCut = 1e-3;
constexpr double kCutStep = 0.2;
// A weight's error is its score's, times the weight, as long as that is small. Where six deviations
// are more than this, all logits are computed: no score says which words matter. The bundled
// checkpoint has 0.21.
constexpr double kLargestDeviations = 1;

constexpr std::int64_t kFewestGroups = 128;

float penalise(float logit, float penalty) { return logit > 0 ? logit / penalty : logit * penalty; }

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
  if (needs.best > 0) find_best(needs.best);
  if (needs.normaliser) find_normaliser();
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
  const auto kept = std::min(best_.size(), static_cast<std::size_t>(k));
  std::partial_sort(best_.begin(), best_.begin() + static_cast<std::ptrdiff_t>(kept), best_.end(),
                    ranks_before);
  best_.resize(kept);
}

// The largest of groups of words stand for all of them: most of the best words are the best of
// their group. The fewest groups keep the processor from waiting for its own last store.
float ScreenedScores::least_best(std::int64_t k) {
  const std::int64_t words = vocabulary_->padded_words();
  const std::int64_t groups = std::min(std::max(kFewestGroups, cpu::padded(4 * k)), words);
  float* maxima = scratch_->exact.data();
  kernels_->group_maxima(scores_, words, groups, maxima);
  std::nth_element(maxima, maxima + (k - 1), maxima + groups, std::greater<>());
  return maxima[k - 1];
}

float ScreenedScores::logit(std::int32_t id) const {
  float result;
  kernels_->gathered_dots(vocabulary_->weights(), vocabulary_->bias(), vocabulary_->stride(),
                          hidden_, &id, 1, &result);
  return result;
}

void ScreenedScores::rescore(std::int64_t count) {
  kernels_->gathered_dots(vocabulary_->weights(), vocabulary_->bias(), vocabulary_->stride(),
                          hidden_, scratch_->ids.data(), count, scratch_->exact.data());
}

float ScreenedScores::largest() {
  float top = least_best(1);
  for (const Candidate& candidate : penalised_) top = std::max(top, candidate.logit);
  return top;
}

void ScreenedScores::find_normaliser() {
  const float top = largest();
  normaliser_ = {0, 0};
  if (top == kNever) return;  // only the end is left, with logit 0
  const std::int64_t words = vocabulary_->padded_words();
  const double spread = kDeviations / std::sqrt(static_cast<double>(vocabulary_->dim()));
  if (!(spread * static_cast<double>(bound_.largest) <= kLargestDeviations)) {
    normaliser_ = exact_normaliser();
    return;
  }
  const double total = kernels_->exponentials(scores_, top, words, scratch_->weights.data());
  const auto split = [&](double share) {
    const float cut =
        std::max(static_cast<float>(share * total), std::numeric_limits<float>::min());
    return kernels_->split_tail(scratch_->weights.data(), bound_, cut, words, scratch_->ids.data());
  };
  const auto error = [&](const cpu::Tail& tail) { return spread * std::sqrt(tail.squared_spread); };
  double share = kFirstCut;
  cpu::Tail tail = split(share);
  while (error(tail) > kTolerance * total && share > 1e-12) tail = split(share *= kCutStep);
  if (!(error(tail) <= kTolerance * total)) {
    normaliser_ = exact_normaliser();
    return;
  }
  rescore(tail.count);
  double sum = tail.weight;
  float best = kNever;
  const auto count = [&](float logit) {
    sum += std::exp(static_cast<double>(logit - top));
    best = std::max(best, logit);
  };
  for (std::int64_t i = 0; i < tail.count; ++i) count(scratch_->exact[i]);
  for (const Candidate& word : penalised_) count(word.logit);
  const double value = static_cast<double>(top) + std::log(sum);
  normaliser_ = {std::max(value, static_cast<double>(best)), error(tail) / sum};
}

// In float32, of the words that can weigh anything beside the best one.
Normaliser ScreenedScores::exact_normaliser() {
  constexpr float kNothing = 30;  // exp(-30): a million of these change no bit of a float32 sum
  float least = least_best(1) - bound_.largest;
  for (const Candidate& word : penalised_) least = std::max(least, word.logit);
  const std::int64_t count =
      kernels_->gather_possible(scores_, bound_, std::max(least - kNothing, kLowest),
                                vocabulary_->padded_words(), scratch_->ids.data());
  rescore(count);
  float* logits = scratch_->exact.data();
  float top = kNever;
  for (std::int64_t i = 0; i < count; ++i) top = std::max(top, logits[i]);
  for (const Candidate& word : penalised_) top = std::max(top, word.logit);
  double sum = kernels_->sum_exponentials(logits, top, count);
  for (const Candidate& word : penalised_) {
    sum += std::exp(static_cast<double>(word.logit) - static_cast<double>(top));
  }
  return {static_cast<double>(top) + std::log(sum), 0};
}

// A search that reads all logits is never given screened ones.
const float* ScreenedScores::logits() const {
  throw std::logic_error("a screened row has no logits to read");
}

}  // namespace mime_fast
