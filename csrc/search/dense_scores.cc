#include "search/dense_scores.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sampling/check.h"
#include "sampling/draw.h"
#include "sampling/row_scan.h"
#include "search/special.h"

namespace mime_fast {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

[[noreturn]] void reject(const float* row, std::int64_t vocab) {
  const float* bad = std::find_if_not(row, row + vocab, [](float logit) {
    return logit < kInfinity;  // false for NaN too
  });
  throw std::invalid_argument("logits must be finite or -inf, got " + to_text(double{*bad}) +
                              " at id " + to_text(std::int64_t{bad - row}));
}

// Returns the largest constrained logit, which is finite.
float apply(const Constraint& constraint, float* row, std::int64_t vocab) {
  for (std::size_t i = 0; i < constraint.penalised_count; ++i) {
    float& logit = row[constraint.penalised[i]];
    logit = penalise(logit, constraint.penalty);
  }
  for (std::size_t i = 0; i < constraint.blocked_count; ++i) {
    row[constraint.blocked[i]] = -kInfinity;
  }
  const RowScan scan = scan_row(row, vocab);
  if (scan.has_nan || scan.max == kInfinity) reject(row, vocab);
  if (scan.max > -kInfinity) return scan.max;
  return row[kEos] = 0;
}

}  // namespace

void DenseScores::constrain(const Constraint& constraint) {
  max_ = apply(constraint, logits_, vocab_);
}

void DenseScores::prepare(const Needs& needs) {
  if (needs.draw) {
    drawn_ = draw_from_row(logits_, vocab_, max_, uniform_, *needs.draw, best_);
  }
  best_.clear();
  if (needs.best > 0) gather_best(logits_, vocab_, std::min(needs.best, vocab_), best_);
  const auto blocked = [](const TokenLogit& c) { return c.logit == -kInfinity; };
  best_.erase(std::remove_if(best_.begin(), best_.end(), blocked), best_.end());
  std::sort(best_.begin(), best_.end(), ranks_before);
  if (needs.log_partition)
    log_partition_ = {max_ + std::log(kernels_->sum_exponentials(logits_, max_, 1, vocab_)), 0};
}

}  // namespace mime_fast
