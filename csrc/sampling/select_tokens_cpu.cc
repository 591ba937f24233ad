#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "sampling/candidates.h"
#include "sampling/cpu.h"
#include "sampling/row_scan.h"

namespace mime_fast::cpu {
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
std::int64_t draw(Ranking& ranking, std::size_t kept, double target) {
  double cumulative = 0;
  std::int64_t id = 0;
  for (std::size_t rank = 0; rank < kept && cumulative <= target; ++rank) {
    const Candidate* candidate = ranking.at(rank);
    const double weight = candidate ? ranking.weight(*candidate) : 0;
    if (weight == 0) break;
    cumulative += weight;
    id = candidate->id;
  }
  return id;
}

bool has_lower_id(const Candidate& a, const Candidate& b) { return a.id < b.id; }

float usable_max(const Logits& logits, std::int64_t row) {
  const float max = checked_max(logits.row(row), logits.vocab, row);
  if (std::isfinite(max)) return max;
  throw std::invalid_argument((max > 0 ? "logits must not hold +inf, got one in row "
                                       : "logits must hold a finite value, got only -inf in row ") +
                              std::to_string(row));
}

}  // namespace

void select_tokens(const Logits& logits, const double* uniforms, const SamplingOptions& options,
                   std::int64_t* ids) {
  const std::int64_t k = options.top_k == 0 ? logits.vocab : std::min(options.top_k, logits.vocab);
  std::vector<Candidate> candidates;
  for (std::int64_t row = 0; row < logits.rows; ++row) {
    const float max = usable_max(logits, row);
    gather_best(logits.row(row), logits.vocab, k, candidates);
    if (k < logits.vocab) std::sort(candidates.begin(), candidates.end(), has_lower_id);
    Ranking ranking(candidates, max, options.temperature);
    const Prefix kept = truncate(ranking, ranking.total_weight(), options);
    ids[row] = draw(ranking, kept.count, uniforms[row] * kept.weight);
  }
}

}  // namespace mime_fast::cpu
