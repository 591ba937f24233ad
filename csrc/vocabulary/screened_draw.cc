#include "vocabulary/screened_draw.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "sampling/draw.h"
#include "search/special.h"
#include "vocabulary/bounded_top_k.h"
#include "vocabulary/log_partition.h"

namespace mime_fast {
namespace {

// Words are computed down to kCut of the total, whose error is at most kTolerance of it. If the
// uniform falls on none of them, or within the error of a word's boundary, more words are computed.
// That is so for one in 14 real replies, with top_p one in 6. One in 50 must read all logits, in 1
// ms.
constexpr double kCut = 1e-4;
constexpr double kTolerance = 1e-4;
constexpr double kFiner = 1.0 / 4;
constexpr double kFinest = 5e-6;
// Relative error of a sum of exponentials in float32, with a margin.
constexpr double kFloatError = 3e-6;

// Draws from the words that were computed in float32; nothing if they do not determine the word.
// finer: factor of the tolerance.
std::optional<TokenLogit> draw_from_computed(ScreenedRow& row, double uniform,
                                             const SamplingOptions& options, double finer,
                                             std::vector<TokenLogit>& best) {
  const Partition sum = sum_partition(row,
                                      {.temperature = options.temperature,
                                       .tolerance = kTolerance * finer,
                                       .cut = kCut * finer * finer},
                                      best);
  if (sum.total == 0) return TokenLogit{0, kEos};
  if (best.empty()) return std::nullopt;
  const double excess = static_cast<double>(sum.top) - static_cast<double>(sum.max);
  const double scale = std::exp(excess / options.temperature);
  const double error = sum.error + kFloatError * sum.total;
  const WeightRange total{(sum.total - error) * scale, (sum.total + error) * scale};
  return draw_from_best(best, sum.max, total, uniform, options);
}

TokenLogit draw_from_all(ScreenedRow& row, double uniform, const SamplingOptions& options,
                         std::vector<TokenLogit>& best) {
  const std::int64_t words = row.vocabulary().words();
  const float* logits = row.compute_all();
  const float max = *std::max_element(logits, logits + words);
  if (max == kNever) return {0, kEos};
  return draw_from_row(logits, words, max, uniform, options, best);
}

TokenLogit draw_from_top_k(ScreenedRow& row, double uniform, const SamplingOptions& options,
                           std::vector<TokenLogit>& best) {
  find_best(row, options.top_k, best);
  const float max = best.front().logit;
  sort_by_id(best);
  return draw_token(best, max, uniform, options);
}

}  // namespace

TokenLogit draw_screened(ScreenedRow& row, double uniform, const SamplingOptions& options,
                         std::vector<TokenLogit>& best) {
  if (options.top_k > 0) return draw_from_top_k(row, uniform, options, best);
  for (double finer = 1; kTolerance * finer > kFinest; finer *= kFiner) {
    const auto drawn = draw_from_computed(row, uniform, options, finer, best);
    if (drawn) return *drawn;
    const auto known = static_cast<std::int64_t>(best.size());
    if (known == 0 || known > row.vocabulary().words() / 8) break;  // too few, or nearly all
  }
  return draw_from_all(row, uniform, options, best);
}

}  // namespace mime_fast
