#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "mime_fast/select_tokens.h"
#include "sampling/token_logit.h"

namespace mime_fast {

// The blocked and the penalised ids of a row's next token. The penalty is applied first, then the
// blocking. If no logit is finite after that, the logit of end-of-reply becomes 0, and the reply
// ends. The spans are valid until the search makes the next constraint.
struct Constraint {
  const std::int32_t* blocked;  // (blocked_count,), may repeat: l = -inf
  std::size_t blocked_count;
  const std::int32_t* penalised;  // (penalised_count,) distinct: l / penalty if l > 0, l * penalty
  std::size_t penalised_count;
  float penalty;
};

// The repetition penalty of Keskar et al. 2019.
inline float penalise(float logit, float penalty) {
  return logit > 0 ? logit / penalty : logit * penalty;
}

struct LogPartition {
  double value;  // log sum exp of the constrained logits, at least the largest of them
  double error;  // bound on the error of value; 0: as exact as float32
};

// What a search reads from a row.
struct Needs {
  std::int64_t best = 0;  // number of best words
  bool log_partition = false;
  std::optional<SamplingOptions> draw = std::nullopt;  // options of a drawn word
};

// The scores of one row's next token. There are two forms: all logits are computed, or all are
// screened in int8 and the ones that matter are computed exactly. A step constrains every row,
// prepares the rows, possibly in parallel, and then the search reads them.
class RowScores {
 public:
  virtual ~RowScores() = default;

  // Throws std::invalid_argument if a constrained logit is NaN or +inf.
  virtual void constrain(const Constraint& constraint) = 0;

  // Sets the uniform number of the draw, in [0, 1).
  void set_uniform(double uniform) { uniform_ = uniform; }

  virtual void prepare(const Needs& needs) = 0;

  // The best words of finite logit, exact, in the order of ranks_before. There are fewer than
  // requested if no more exist.
  const std::vector<TokenLogit>& best() const { return best_; }

  // At least the best logit, so that no log-probability is positive.
  const LogPartition& log_partition() const { return log_partition_; }

  // The drawn word, exact.
  const TokenLogit& drawn() const { return drawn_; }

 protected:
  std::vector<TokenLogit> best_;
  LogPartition log_partition_{0, 0};
  double uniform_ = 0;
  TokenLogit drawn_{0, 0};
};

}  // namespace mime_fast
