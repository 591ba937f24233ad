#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "mime_fast/select_tokens.h"
#include "sampling/candidates.h"

namespace mime_fast {

// What one row may not, and should less likely, say next. The penalty comes first, then the
// blocking; if no logit is finite then, that of end-of-reply becomes 0, and the reply ends.
// The spans hold until the search makes the next constraint.
struct Constraint {
  const std::int32_t* blocked;  // (blocked_count,), some twice: l = -inf
  std::size_t blocked_count;
  const std::int32_t* penalised;  // (penalised_count,) distinct: l / penalty if l > 0, l * penalty
  std::size_t penalised_count;
  float penalty;
};

// Keskar et al. 2019.
inline float penalise(float logit, float penalty) {
  return logit > 0 ? logit / penalty : logit * penalty;
}

struct Normaliser {
  double value;  // log sum exp of the constrained logits, at least the largest of them
  double error;  // how far it may be off; 0: as exact as float32
};

// What a search reads of a row.
struct Needs {
  std::int64_t best = 0;  // that many of the best words
  bool normaliser = false;
  std::optional<SamplingOptions> draw = std::nullopt;  // a word, drawn so
};

// What the model says of one row's next token. An engine has two forms of it: all logits computed,
// or all of them screened in int8 and the ones that matter computed exactly. A step constrains
// every row, prepares them, in parallel if it likes, and lets the search read them.
class RowScores {
 public:
  virtual ~RowScores() = default;

  // Throws std::invalid_argument if a logit is then NaN or +inf.
  virtual void constrain(const Constraint& constraint) = 0;

  // The coin of the draw, in [0, 1).
  void set_uniform(double uniform) { uniform_ = uniform; }

  virtual void prepare(const Needs& needs) = 0;

  // The best ones of finite logit, in the order of ranks_before and exact; fewer than were asked
  // for if there are no more.
  const std::vector<Candidate>& best() const { return best_; }

  // Never below the best logit: log-probabilities are not positive.
  const Normaliser& log_normaliser() const { return normaliser_; }

  // Exact too.
  const Candidate& drawn() const { return drawn_; }

 protected:
  std::vector<Candidate> best_;
  Normaliser normaliser_{0, 0};
  double uniform_ = 0;
  Candidate drawn_{0, 0};
};

}  // namespace mime_fast
