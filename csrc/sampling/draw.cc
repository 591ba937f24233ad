#include "sampling/draw.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>

namespace mime_fast {
namespace {

enum class Holds { all, the_best };

// A row's candidates and their unnormalised probabilities (the best one weighs 1), ranked lazily:
// a draw mostly ends among the first few, so that only the bands of logits it reads get sorted.
class Ranking {
 public:
  Ranking(std::vector<Candidate>& candidates, double max, double temperature, Holds holds)
      : candidates_(candidates), max_(max), temperature_(temperature), holds_(holds) {}

  // Whether what lies behind the last candidate is known: nothing.
  bool is_complete() const { return holds_ == Holds::all; }

  double weight(const Candidate& candidate) const {
    // Subtracting first keeps tiny temperatures finite.
    return std::exp((double{candidate.logit} - max_) / temperature_);
  }

  // Adds in the present order of the candidates, which must be by id: rounding depends on it.
  double total_weight() const {
    double total = 0;
    for (const Candidate& candidate : candidates_) total += weight(candidate);
    return total;
  }

  // The candidate of that rank; nullptr past the last one that can have a weight.
  const Candidate* at(std::size_t rank) {
    while (rank >= ranked_) {
      if (band_ >= kMaxBand || ranked_ == candidates_.size()) return nullptr;
      rank_next_band();
    }
    return &candidates_[rank];
  }

 private:
  // In units of the temperature below the maximum; exp(-1024) is 0.
  static constexpr double kFirstBand = 4;
  static constexpr double kMaxBand = 1024;

  void rank_next_band() {
    band_ = band_ == 0 ? kFirstBand : 2 * band_;
    const double floor = max_ - band_ * temperature_;
    const auto begin = candidates_.begin() + static_cast<std::ptrdiff_t>(ranked_);
    const auto end = std::partition(begin, candidates_.end(),
                                    [floor](const Candidate& c) { return c.logit >= floor; });
    std::sort(begin, end, ranks_before);
    ranked_ = static_cast<std::size_t>(end - candidates_.begin());
  }

  std::vector<Candidate>& candidates_;
  double max_;
  double temperature_;
  Holds holds_;
  double band_ = 0;
  std::size_t ranked_ = 0;
};

struct Prefix {
  std::size_t count;
  WeightRange weight;
};

// What top_p and min_p leave of the ranking; nothing if more must be known to tell.
std::optional<Prefix> truncate(Ranking& ranking, WeightRange total,
                               const SamplingOptions& options) {
  constexpr auto kAll = std::numeric_limits<std::size_t>::max();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (options.top_p == 1 && options.min_p == 0) return Prefix{kAll, total};
  WeightRange bound{kInfinity, kInfinity};
  if (options.top_p < 1) bound = {options.top_p * total.low, options.top_p * total.high};
  std::size_t count = 0;
  double kept = 0;
  while (kept < bound.high) {
    if (kept >= bound.low) return std::nullopt;
    const Candidate* candidate = ranking.at(count);
    if (candidate == nullptr && !ranking.is_complete()) return std::nullopt;
    const double weight = candidate ? ranking.weight(*candidate) : 0;
    if (weight == 0 || weight < options.min_p) break;
    kept += weight;
    ++count;
  }
  return Prefix{count, {kept, kept}};
}

// The first of the kept candidates whose cumulative weight exceeds the target; where rounding
// leaves the target above the last sum, the last one of positive weight. Nothing if it depends on
// where in its range the weight lies.
std::optional<Candidate> draw(Ranking& ranking, const Prefix& kept, double uniform) {
  const WeightRange target{uniform * kept.weight.low, uniform * kept.weight.high};
  double cumulative = 0;
  Candidate drawn{};
  for (std::size_t rank = 0; rank < kept.count && cumulative <= target.low; ++rank) {
    const Candidate* candidate = ranking.at(rank);
    if (candidate == nullptr && !ranking.is_complete()) return std::nullopt;
    const double weight = candidate ? ranking.weight(*candidate) : 0;
    if (weight == 0) break;
    cumulative += weight;
    drawn = *candidate;
  }
  if (target.low < target.high && cumulative <= target.high) return std::nullopt;
  return drawn;
}

}  // namespace

Candidate draw_candidate(std::vector<Candidate>& candidates, float max, double uniform,
                         const SamplingOptions& options) {
  Ranking ranking(candidates, max, options.temperature, Holds::all);
  const double total = ranking.total_weight();
  return draw(ranking, truncate(ranking, {total, total}, options).value(), uniform).value();
}

std::optional<Candidate> draw_from_best(std::vector<Candidate>& best, float max, WeightRange total,
                                        double uniform, const SamplingOptions& options) {
  Ranking ranking(best, max, options.temperature, Holds::the_best);
  const std::optional<Prefix> kept = truncate(ranking, total, options);
  return kept ? draw(ranking, *kept, uniform) : std::nullopt;
}

void sort_by_id(std::vector<Candidate>& candidates) {
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
}

Candidate draw_from_row(const float* row, std::int64_t vocab, float max, double uniform,
                        const SamplingOptions& options, std::vector<Candidate>& candidates) {
  const std::int64_t k = options.top_k == 0 ? vocab : std::min(options.top_k, vocab);
  gather_best(row, vocab, k, candidates);
  if (k < vocab) sort_by_id(candidates);
  return draw_candidate(candidates, max, uniform, options);
}

}  // namespace mime_fast
