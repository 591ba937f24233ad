#include "sampling/draw.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace mime_fast {
namespace {

// A row's candidates and their unnormalised probabilities (the best one weighs 1), ranked lazily:
// a draw mostly ends among the first few, so that only the bands of logits it reads get sorted.
class Ranking {
 public:
  Ranking(std::vector<Candidate>& candidates, double max, double temperature)
      : candidates_(candidates), max_(max), temperature_(temperature) {}

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
  double band_ = 0;
  std::size_t ranked_ = 0;
};

struct Prefix {
  std::size_t count;
  double weight;
};

// What top_p and min_p leave of the ranking.
Prefix truncate(Ranking& ranking, double total, const SamplingOptions& options) {
  constexpr auto kAll = std::numeric_limits<std::size_t>::max();
  if (options.top_p == 1 && options.min_p == 0) return {kAll, total};
  const double bound =
      options.top_p < 1 ? options.top_p * total : std::numeric_limits<double>::infinity();
  Prefix kept{0, 0};
  while (kept.weight < bound) {
    const Candidate* candidate = ranking.at(kept.count);
    const double weight = candidate ? ranking.weight(*candidate) : 0;
    if (weight == 0 || weight < options.min_p) break;
    kept.weight += weight;
    ++kept.count;
  }
  return kept;
}

// The first of the kept candidates whose cumulative weight exceeds the target; where rounding
// leaves the target above the last sum, the last one of positive weight.
Candidate draw(Ranking& ranking, std::size_t kept, double target) {
  double cumulative = 0;
  Candidate drawn{};
  for (std::size_t rank = 0; rank < kept && cumulative <= target; ++rank) {
    const Candidate* candidate = ranking.at(rank);
    const double weight = candidate ? ranking.weight(*candidate) : 0;
    if (weight == 0) break;
    cumulative += weight;
    drawn = *candidate;
  }
  return drawn;
}

bool has_lower_id(const Candidate& a, const Candidate& b) { return a.id < b.id; }

}  // namespace

Candidate draw_candidate(std::vector<Candidate>& candidates, float max, double uniform,
                         const SamplingOptions& options) {
  Ranking ranking(candidates, max, options.temperature);
  const Prefix kept = truncate(ranking, ranking.total_weight(), options);
  return draw(ranking, kept.count, uniform * kept.weight);
}

void sort_by_id(std::vector<Candidate>& candidates) {
  std::sort(candidates.begin(), candidates.end(), has_lower_id);
}

Candidate draw_from_row(const float* row, std::int64_t vocab, float max, double uniform,
                        const SamplingOptions& options, std::vector<Candidate>& candidates) {
  const std::int64_t k = options.top_k == 0 ? vocab : std::min(options.top_k, vocab);
  gather_best(row, vocab, k, candidates);
  if (k < vocab) sort_by_id(candidates);
  return draw_candidate(candidates, max, uniform, options);
}

}  // namespace mime_fast
