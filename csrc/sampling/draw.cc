#include "sampling/draw.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>

namespace mime_fast {
namespace {

enum class Holds { all, the_best };

// The tokens of a row and their unnormalised probabilities (the best one has weight 1), ranked
// lazily: most draws end among the first few, so only the bands of logits that are read are sorted.
class Ranking {
 public:
  Ranking(std::vector<TokenLogit>& tokens, double max, double temperature, Holds holds)
      : tokens_(tokens), max_(max), temperature_(temperature), holds_(holds) {}

  // Whether there is nothing behind the last token.
  bool is_complete() const { return holds_ == Holds::all; }

  double weight(const TokenLogit& token) const {
    // The difference is divided, not each logit, so that nothing overflows.
    return std::exp((double{token.logit} - max_) / temperature_);
  }

  // Adds in the order of the tokens, which must be by id, because rounding depends on it.
  double total_weight() const {
    double total = 0;
    for (const TokenLogit& token : tokens_) total += weight(token);
    return total;
  }

  // Returns the token of a rank; nullptr behind the last one of positive weight.
  const TokenLogit* at(std::size_t rank) {
    while (rank >= ranked_) {
      if (band_ >= kMaxBand || ranked_ == tokens_.size()) return nullptr;
      rank_next_band();
    }
    return &tokens_[rank];
  }

 private:
  // Widths of the band below the maximum, in units of the temperature; exp(-1024) is 0.
  static constexpr double kFirstBand = 4;
  static constexpr double kMaxBand = 1024;

  void rank_next_band() {
    band_ = band_ == 0 ? kFirstBand : 2 * band_;
    const double floor = max_ - band_ * temperature_;
    const auto begin = tokens_.begin() + static_cast<std::ptrdiff_t>(ranked_);
    const auto end = std::partition(begin, tokens_.end(),
                                    [floor](const TokenLogit& c) { return c.logit >= floor; });
    std::sort(begin, end, ranks_before);
    ranked_ = static_cast<std::size_t>(end - tokens_.begin());
  }

  std::vector<TokenLogit>& tokens_;
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

// Returns the prefix that top_p and min_p keep; nothing if the known tokens do not determine it.
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
    const TokenLogit* token = ranking.at(count);
    if (token == nullptr && !ranking.is_complete()) return std::nullopt;
    const double weight = token ? ranking.weight(*token) : 0;
    if (weight == 0 || weight < options.min_p) break;
    kept += weight;
    ++count;
  }
  return Prefix{count, {kept, kept}};
}

// Returns the first kept token whose cumulative weight exceeds the target. If rounding puts the
// target above the last sum, it is the last token of positive weight. Nothing if the token
// depends on where in its interval the weight lies.
std::optional<TokenLogit> draw(Ranking& ranking, const Prefix& kept, double uniform) {
  const WeightRange target{uniform * kept.weight.low, uniform * kept.weight.high};
  double cumulative = 0;
  TokenLogit drawn{};
  for (std::size_t rank = 0; rank < kept.count && cumulative <= target.low; ++rank) {
    const TokenLogit* token = ranking.at(rank);
    if (token == nullptr && !ranking.is_complete()) return std::nullopt;
    const double weight = token ? ranking.weight(*token) : 0;
    if (weight == 0) break;
    cumulative += weight;
    drawn = *token;
  }
  if (target.low < target.high && cumulative <= target.high) return std::nullopt;
  return drawn;
}

}  // namespace

TokenLogit draw_token(std::vector<TokenLogit>& tokens, float max, double uniform,
                      const SamplingOptions& options) {
  Ranking ranking(tokens, max, options.temperature, Holds::all);
  const double total = ranking.total_weight();
  return draw(ranking, truncate(ranking, {total, total}, options).value(), uniform).value();
}

std::optional<TokenLogit> draw_from_best(std::vector<TokenLogit>& best, float max,
                                         WeightRange total, double uniform,
                                         const SamplingOptions& options) {
  Ranking ranking(best, max, options.temperature, Holds::the_best);
  const std::optional<Prefix> kept = truncate(ranking, total, options);
  return kept ? draw(ranking, *kept, uniform) : std::nullopt;
}

void sort_by_id(std::vector<TokenLogit>& tokens) {
  std::sort(tokens.begin(), tokens.end(),
            [](const TokenLogit& a, const TokenLogit& b) { return a.id < b.id; });
}

TokenLogit draw_from_row(const float* row, std::int64_t vocab, float max, double uniform,
                         const SamplingOptions& options, std::vector<TokenLogit>& tokens) {
  const std::int64_t k = options.top_k == 0 ? vocab : std::min(options.top_k, vocab);
  gather_best(row, vocab, k, tokens);
  if (k < vocab) sort_by_id(tokens);
  return draw_token(tokens, max, uniform, options);
}

}  // namespace mime_fast
