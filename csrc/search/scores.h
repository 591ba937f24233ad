#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sampling/candidates.h"

namespace mime_fast {

// What one row may not, and should less likely, say next. The penalty comes first, then the
// blocking; if no logit is finite then, that of end-of-reply becomes 0, and the reply ends.
// The spans are the search's; they hold until it has read the row.
struct Constraint {
  const std::int32_t* blocked;  // (blocked_count,), some twice: l = -inf
  std::size_t blocked_count;
  const std::int32_t* penalised;  // (penalised_count,) distinct: l / penalty if l > 0, l * penalty
  std::size_t penalised_count;
  float penalty;
};

struct Normaliser {
  double value;  // log sum exp of the constrained logits, at least the largest of them
  double error;  // how far it may be off; 0: as exact as float32
};

// What the model says of one row's next token. An engine has two forms of it: all logits computed,
// or all of them screened in int8 and the ones that matter computed exactly.
class RowScores {
 public:
  virtual ~RowScores() = default;

  virtual std::int64_t vocab() const = 0;

  // Before anything is read; throws std::invalid_argument if a logit is then NaN or +inf.
  virtual void constrain(const Constraint& constraint) = 0;

  // The k best of finite logit, in the order of ranks_before and exact; fewer if there are no more.
  virtual void best(std::int64_t k, std::vector<Candidate>& out) = 0;

  virtual Normaliser log_normaliser() = 0;

  // (vocab,), constrained and exact
  virtual const float* logits() = 0;
};

}  // namespace mime_fast
