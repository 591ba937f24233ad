#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/screened_scores.h"
#include "sampling/draw.h"
#include "search/special.h"

// What ScreenedScores takes of all words: their sum, and a draw from them.
namespace mime_fast {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();
constexpr float kLowest = std::numeric_limits<float>::lowest();  // anything but blocked

// Words are rescored until the error is below this share of the total.
constexpr double kTolerance = 1e-4;
// A coin that falls on none of those words, or within the error of an edge, asks for more of them:
// one in 14 of real replies, one in 6 with top_p. One in 50 must read all logits, for 1 ms.
constexpr double kFiner = 0.25;
constexpr double kFinest = 5e-6;
// A word's rounding errors add up like a random walk over its weights: their deviation is the bound
// by the root of the number of weights. The error that is reported is six deviations.
constexpr double kDeviations = 6;
// Words are rescored down to this share of the whole, then to a smaller one if the error asks for
// it: the words below a share have an error that falls with its power of 0.5 to 1.
constexpr double kFirstCut = 1e-4;
constexpr double kCutStep = 0.9;
// A weight's error is its score's, times the weight, as long as that is small. Where six deviations
// are more than this, all logits are computed: no score says which words matter. The bundled
// checkpoint has 0.21.
constexpr double kLargestDeviations = 1;
// Below this a float cannot hold 1 / temperature, times any difference of logits.
constexpr double kColdest = 1e-30;
// Relative error of a sum of exponentials in float32, with room.
constexpr double kFloatError = 3e-6;

float round_up(double value) {
  return std::nextafter(static_cast<float>(value), std::numeric_limits<float>::infinity());
}

}  // namespace

void ScreenedScores::find_normaliser() {
  const Mass mass = weigh(1, kTolerance);
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

ScreenedScores::Mass ScreenedScores::weigh(double temperature, double tolerance) {
  const float top = largest();
  if (top == kNever) return {top, 0, 0, take_certain(0, top)};
  const double spread =
      kDeviations / (temperature * std::sqrt(static_cast<double>(vocabulary_->dim())));
  if (!(spread * static_cast<double>(bound_.largest) <= kLargestDeviations)) {
    return weigh_exactly(temperature);
  }
  const std::int64_t words = vocabulary_->padded_words();
  float* weights = scratch_->weights.data();
  const double screened =
      kernels_->exponentials(scores_, top, static_cast<float>(1 / temperature), words, weights);
  float cut = 0;
  const auto split = [&](double share) {
    cut = std::max(static_cast<float>(share * screened), std::numeric_limits<float>::min());
    return kernels_->split_tail(weights, bound_, cut, words, scratch_->ids.data());
  };
  const auto error = [&](const cpu::Tail& tail) { return spread * std::sqrt(tail.squared_spread); };
  double share = kFirstCut;
  cpu::Tail tail = split(share);
  while (error(tail) > tolerance * screened && share > 1e-12) {
    const double excess = error(tail) / (tolerance * screened);
    tail = split(share *= kCutStep / (excess * std::sqrt(excess)));
  }
  if (!(error(tail) <= tolerance * screened)) return weigh_exactly(temperature);
  rescore(tail.count);
  double total = tail.weight;
  const auto count = [&](float logit) {
    total += std::exp((static_cast<double>(logit) - static_cast<double>(top)) / temperature);
  };
  for (std::int64_t i = 0; i < tail.count; ++i) count(scratch_->exact[i]);
  for (const Candidate& word : penalised_) count(word.logit);
  const double highest = static_cast<double>(top) + temperature * (std::log(cut) + kFloatError);
  const float least = round_up(highest + static_cast<double>(bound_.largest));
  return {top, total, error(tail), take_certain(tail.count, least)};
}

// In float32, of the words that can weigh anything beside the best one.
ScreenedScores::Mass ScreenedScores::weigh_exactly(double temperature) {
  constexpr double kNothing = 30;  // exp(-30): a million of these change no bit of a float32 sum
  float least = least_best(1) - bound_.largest;
  for (const Candidate& word : penalised_) least = std::max(least, word.logit);
  least = std::max(round_up(static_cast<double>(least) - kNothing * temperature), kLowest);
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

void ScreenedScores::draw(const SamplingOptions& options) {
  if (options.top_k > 0) {
    find_best(options.top_k);
    const float max = best_.front().logit;
    sort_by_id(best_);
    drawn_ = draw_candidate(best_, max, uniform_, options);
    return;
  }
  std::optional<Candidate> drawn;
  for (double tolerance = kTolerance; !drawn && tolerance > kFinest; tolerance *= kFiner) {
    drawn = draw_from_screened(options, tolerance);
    if (static_cast<std::int64_t>(best_.size()) > vocabulary_->words() / 8) break;
  }
  drawn_ = drawn ? *drawn : draw_from_all(options);
}

// The words that were computed in float32 are the best ones. Nothing if the coin falls on another,
// or so near the edge of a word that the error of the total decides.
std::optional<Candidate> ScreenedScores::draw_from_screened(const SamplingOptions& options,
                                                            double tolerance) {
  if (options.temperature < kColdest) return std::nullopt;
  const Mass mass = weigh(options.temperature, tolerance);
  if (mass.total == 0) return Candidate{0, kEos};
  if (best_.empty()) return std::nullopt;
  const double above = static_cast<double>(mass.top) - static_cast<double>(mass.max);
  const double scale = std::exp(above / options.temperature);
  const double error = mass.error + kFloatError * mass.total;
  const WeightRange total{(mass.total - error) * scale, (mass.total + error) * scale};
  return draw_from_best(best_, mass.max, total, uniform_, options);
}

Candidate ScreenedScores::draw_from_all(const SamplingOptions& options) {
  const std::int64_t words = vocabulary_->padded_words();
  float* logits = scratch_->exact.data();
  kernels_->row_dots({vocabulary_->weights(), vocabulary_->bias(), vocabulary_->stride(), hidden_,
                      1, 0, words, logits, words});
  for (std::int64_t id = 0; id < words; ++id) {
    if (scores_[id] == kNever) logits[id] = kNever;
  }
  for (const Candidate& word : penalised_) logits[word.id] = word.logit;
  const float max = *std::max_element(logits, logits + vocabulary_->words());
  if (max == kNever) return {0, kEos};
  return draw_from_row(logits, vocabulary_->words(), max, uniform_, options, best_);
}

}  // namespace mime_fast
