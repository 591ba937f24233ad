#include <algorithm>
#include <cmath>
#include <limits>

#include "vocabulary/screened_scores.h"

// What all words of a row weigh.
namespace mime_fast {
namespace {

// Words are rescored until the error is below this share of the total. With 4e-4, 999 of 1,000
// replies with 5 beams are still eager's, and the other is excused (benchmarks/agreement.py): as
// many as with 1e-4. Where all words are about equally likely, as before training, none is
// rescored.
constexpr double kTolerance = 2e-4;
// A word's rounding errors add up like a random walk over its weights: their deviation is the bound
// by the root of the number of weights. The error that is reported is six deviations.
constexpr double kDeviations = 6;
// A weight's error is its score's, times the weight, as long as that is small. Where six deviations
// of a score are more than this, all logits are computed: no score says which words matter. The
// bundled checkpoint has 0.21.
constexpr double kLargestError = 1;

// Words are rescored down to this share of the whole, then to a smaller one if the error asks for
// it: the words below a share have an error that falls with its power of 0.5 to 1.
constexpr double kFirstCut = 2e-4;
constexpr double kCutStep = 0.9;

// No word of a smaller weight than the cut has a greater score, in units of the temperature below
// the top: kernels take 0 for weights below exp(-87.3), and round x = (score - top) / temperature
// by less than 3e-7 (1 + |x|), the exponential included.
double highest_below(double cut) {
  const double x = std::max(std::log(cut), -87.3);
  return x * (1 - 3e-7) + 3e-7;  // no cut, which is infinite, stays so
}

}  // namespace

void ScreenedScores::find_normaliser() {
  const Mass mass = weigh(1, kTolerance, kFirstCut);
  normaliser_ = {0, 0};
  if (mass.total == 0) return;
  const double value = static_cast<double>(mass.top) + std::log(mass.total);
  normaliser_ = {std::max(value, static_cast<double>(mass.max)), mass.error / mass.total};
}

float ScreenedScores::take_certain(std::int64_t count, float least) {
  best_.clear();
  float max = kNever;
  const auto take = [&](const Candidate& word) {
    if (word.logit > least) best_.push_back(word);
    max = std::max(max, word.logit);
  };
  for (const Candidate& word : penalised_) take(word);
  for (std::int64_t i = 0; i < count; ++i) take({scratch_->exact[i], scratch_->ids[i]});
  return max;
}

ScreenedScores::Mass ScreenedScores::weigh(double temperature, double tolerance, double share) {
  const float top = largest();
  if (top == kNever) return {top, 0, 0, take_certain(0, top)};
  const double deviation =
      1 / (temperature * std::sqrt(static_cast<double>(vocabulary_->dim())));  // times a bound
  const double largest = deviation * static_cast<double>(bound_.largest);
  if (!(kDeviations * largest <= kLargestError)) return weigh_exactly(temperature);
  const std::int64_t words = vocabulary_->padded_words();
  float* weights = scratch_->weights.data();
  const double screened =
      kernels_->exponentials(scores_, top, static_cast<float>(1 / temperature), words, weights);
  float cut = 0;
  const auto split = [&](double smallest) {
    cut = std::max(static_cast<float>(smallest * screened), std::numeric_limits<float>::min());
    return kernels_->split_tail(weights, bound_, cut, words, scratch_->ids.data());
  };
  // exp(score + error) has a mean too: half the variance, of all words at once.
  const auto error = [&](const cpu::Tail& tail) {
    return kDeviations * deviation * std::sqrt(tail.squared_spread) +
           largest * largest / 2 * tail.weight;
  };
  cpu::Tail tail = split(share);
  while (error(tail) > tolerance * screened && share > 1e-12) {
    const double excess = error(tail) / (tolerance * screened);
    tail = split(share *= kCutStep / (excess * std::sqrt(excess)));
  }
  if (!(error(tail) <= tolerance * screened)) return weigh_exactly(temperature);
  const cpu::Tail whole = with_gathered(tail);
  if (error(whole) <= tolerance * screened) {
    tail = whole;  // weights are so even that no word needs to be computed
    cut = std::numeric_limits<float>::infinity();
  }
  rescore(tail.count);
  double total = tail.weight;
  const auto count = [&](float logit) {
    total += std::exp((static_cast<double>(logit) - static_cast<double>(top)) / temperature);
  };
  for (std::int64_t i = 0; i < tail.count; ++i) count(scratch_->exact[i]);
  for (const Candidate& word : penalised_) count(word.logit);
  const double highest =
      static_cast<double>(top) + temperature * highest_below(static_cast<double>(cut));
  const float least = above(highest + static_cast<double>(bound_.largest));
  return {top, total, error(tail), take_certain(tail.count, least)};
}

// The words that were gathered are not left out.
cpu::Tail ScreenedScores::with_gathered(cpu::Tail tail) const {
  for (std::int64_t i = 0; i < tail.count; ++i) {
    const std::int32_t id = scratch_->ids[i];
    const double weight = scratch_->weights[id];
    const double bound = bound_.slope[id] * bound_.norm + bound_.slack;
    tail.weight += weight;
    tail.squared_spread += weight * weight * bound * bound;
  }
  return {tail.weight, tail.squared_spread, 0};
}

// In float32, of the words that can weigh anything beside the best one.
ScreenedScores::Mass ScreenedScores::weigh_exactly(double temperature) {
  constexpr double kNothing = 30;  // exp(-30): 100,000 of these change no bit of a float32 sum
  float least = least_best(1) - bound_.largest;
  for (const Candidate& word : penalised_) least = std::max(least, word.logit);
  least = std::max(above(static_cast<double>(least) - kNothing * temperature), kLowest);
  const std::int64_t count = kernels_->gather_possible(
      scores_, bound_, least, vocabulary_->padded_words(), scratch_->ids.data());
  rescore(count);
  const float* logits = scratch_->exact.data();
  float top = kNever;
  for (std::int64_t i = 0; i < count; ++i) top = std::max(top, logits[i]);
  for (const Candidate& word : penalised_) top = std::max(top, word.logit);
  double total =
      kernels_->sum_exponentials(logits, top, static_cast<float>(1 / temperature), count);
  for (const Candidate& word : penalised_) {
    total += std::exp((static_cast<double>(word.logit) - static_cast<double>(top)) / temperature);
  }
  return {top, total, 0, take_certain(count, least)};
}

}  // namespace mime_fast
