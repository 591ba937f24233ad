#include "vocabulary/log_partition.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mime_fast {
namespace {

// The error of a log-partition is below this share. With 4e-4, 999 of 1,000 replies with 5 beams
// are still eager's, and the other one is excused (benchmarks/agreement.py): as many as with 1e-4.
// Where all words are about equally likely, as before training, no word is computed in float32.
constexpr double kLogPartitionTolerance = 2e-4;
// The errors of a word's weights add up like a random walk. So the standard deviation of a score is
// its bound divided by the root of the number of weights. The reported error is six deviations.
constexpr double kDeviations = 6;
// The error of a weight is that of its score, times the weight, as long as that is small. Where six
// deviations of a score exceed this, all logits are computed, because the scores do not show which
// words matter. The bundled checkpoint has 0.21.
constexpr double kLargestError = 1;

// Words are computed down to this share of the total, then to a smaller one if the error is too
// large. The error of the words below a share falls with its power of 0.5 to 1.
constexpr double kFirstCut = 2e-4;
constexpr double kCutStep = 0.9;

// Returns the most that the score of a word below the cut exceeds the top, in units of the
// temperature. Kernels take 0 for weights below exp(-87.3). They round x = (score - top) /
// temperature by less than 3e-7 (1 + |x|), the exponential included.
double highest_below(double cut) {
  const double x = std::max(std::log(cut), -87.3);
  return x * (1 - 3e-7) + 3e-7;  // an infinite cut stays infinite
}

// Keeps the gathered and the penalised words whose logit exceeds `least`. Returns the largest logit
// of all of them.
float accept_proven(ScreenedRow& row, std::int64_t gathered, float least,
                    std::vector<TokenLogit>& best) {
  best.clear();
  float max = kNever;
  const auto accept = [&](const TokenLogit& word) {
    if (word.logit > least) best.push_back(word);
    max = std::max(max, word.logit);
  };
  const ScreenedRow::Scratch& scratch = row.scratch();
  for (const TokenLogit& word : row.penalised()) accept(word);
  for (std::int64_t i = 0; i < gathered; ++i) accept({scratch.logits[i], scratch.ids[i]});
  return max;
}

// Adds the gathered words to the tail.
cpu::Tail with_gathered(ScreenedRow& row, cpu::Tail tail) {
  const cpu::ScreenBound& limits = row.bound();
  for (std::int64_t i = 0; i < tail.count; ++i) {
    const std::int32_t id = row.scratch().ids[i];
    const double weight = row.scratch().weights[id];
    const double bound = limits.slope[id] * limits.norm + limits.slack;
    tail.weight += weight;
    tail.squared_spread += weight * weight * bound * bound;
  }
  return {.weight = tail.weight, .squared_spread = tail.squared_spread, .count = 0};
}

// Computes the words in float32 that are not negligible beside the best one.
Partition sum_exactly(ScreenedRow& row, double temperature, std::vector<TokenLogit>& best) {
  constexpr double kNegligible = 30;  // 100,000 terms of exp(-30) change no bit of a float32 sum
  float least = row.kth_score(1) - row.bound().largest;
  for (const TokenLogit& word : row.penalised()) least = std::max(least, word.logit);
  least = std::max(above(static_cast<double>(least) - kNegligible * temperature), kLowest);
  const std::int64_t count = row.gather(least);
  const float* logits = row.scratch().logits.data();
  float top = kNever;
  for (std::int64_t i = 0; i < count; ++i) top = std::max(top, logits[i]);
  for (const TokenLogit& word : row.penalised()) top = std::max(top, word.logit);
  double total =
      row.kernels().sum_exponentials(logits, top, static_cast<float>(1 / temperature), count);
  for (const TokenLogit& word : row.penalised()) {
    total += std::exp((static_cast<double>(word.logit) - static_cast<double>(top)) / temperature);
  }
  const float max = accept_proven(row, count, least, best);
  return {.top = top, .total = total, .error = 0, .max = max};
}

// The screened weights of a row, and the error of the words that are not computed in float32.
class ScreenedWeights {
 public:
  ScreenedWeights(ScreenedRow& row, float top, double temperature)
      : row_(row),
        deviation_(1 / (temperature * std::sqrt(static_cast<double>(row.vocabulary().dim())))),
        largest_(deviation_ * static_cast<double>(row.bound().largest)) {
    if (!is_usable()) return;
    total_ =
        row.kernels().exponentials(row.scores(), top, static_cast<float>(1 / temperature),
                                   row.vocabulary().padded_words(), row.scratch().weights.data());
  }

  // Whether the scores are fine enough to be used.
  bool is_usable() const { return kDeviations * largest_ <= kLargestError; }
  double total() const { return total_; }

  // Gathers the words of at least that share of the total; returns the others.
  cpu::Tail split(double share) {
    cut_ = std::max(static_cast<float>(share * total_), std::numeric_limits<float>::min());
    return row_.kernels().split_tail(row_.scratch().weights.data(), row_.bound(), cut_,
                                     row_.vocabulary().padded_words(), row_.scratch().ids.data());
  }
  float cut() const { return cut_; }

  // exp(score + error) has a mean, too: half the variance, of all words at once.
  double error(const cpu::Tail& tail) const {
    return kDeviations * deviation_ * std::sqrt(tail.squared_spread) +
           largest_ * largest_ / 2 * tail.weight;
  }

 private:
  ScreenedRow& row_;
  double deviation_;  // standard deviation of a score / temperature, divided by its bound
  double largest_;    // most that any word's deviation is
  double total_ = 0;
  float cut_ = 0;
};

}  // namespace

Partition sum_partition(ScreenedRow& row, const PartitionOptions& options,
                        std::vector<TokenLogit>& best) {
  const double temperature = options.temperature;
  const float top = row.largest();
  if (top == kNever) {
    return {.top = top, .total = 0, .error = 0, .max = accept_proven(row, 0, top, best)};
  }
  ScreenedWeights weights(row, top, temperature);
  if (!weights.is_usable()) return sum_exactly(row, temperature, best);
  const double allowed = options.tolerance * weights.total();
  double share = options.cut;
  cpu::Tail tail = weights.split(share);
  while (weights.error(tail) > allowed && share > 1e-12) {
    const double excess = weights.error(tail) / allowed;
    tail = weights.split(share *= kCutStep / (excess * std::sqrt(excess)));
  }
  if (!(weights.error(tail) <= allowed)) return sum_exactly(row, temperature, best);
  auto cut = static_cast<double>(weights.cut());
  const cpu::Tail whole = with_gathered(row, tail);
  if (weights.error(whole) <= allowed) {
    tail = whole;  // weights are so even that no word needs to be computed
    cut = std::numeric_limits<double>::infinity();
  }
  row.compute_gathered(tail.count);
  double total = tail.weight;
  const auto add = [&](float logit) {
    total += std::exp((static_cast<double>(logit) - static_cast<double>(top)) / temperature);
  };
  for (std::int64_t i = 0; i < tail.count; ++i) add(row.scratch().logits[i]);
  for (const TokenLogit& word : row.penalised()) add(word.logit);
  const double highest = static_cast<double>(top) + temperature * highest_below(cut);
  const float least = above(highest + static_cast<double>(row.bound().largest));
  const float max = accept_proven(row, tail.count, least, best);
  return {.top = top, .total = total, .error = weights.error(tail), .max = max};
}

LogPartition compute_log_partition(ScreenedRow& row, std::vector<TokenLogit>& best) {
  const Partition sum = sum_partition(
      row, {.temperature = 1, .tolerance = kLogPartitionTolerance, .cut = kFirstCut}, best);
  if (sum.total == 0) return {0, 0};
  const double value = static_cast<double>(sum.top) + std::log(sum.total);
  return {std::max(value, static_cast<double>(sum.max)), sum.error / sum.total};
}

}  // namespace mime_fast
