#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sampling/candidates.h"

namespace mime_fast {

// What one row must not, or should less likely, say next; spans into buffers of the search.
struct Constraint {
  const std::int32_t* blocked = nullptr;  // logit -inf
  std::size_t blocked_count = 0;
  const std::int32_t* penalised = nullptr;  // distinct: logit / penalty if positive, else * penalty
  std::size_t penalised_count = 0;
  float penalty = 1;
};

// log sum exp of the constrained logits, and how far it may be off (0: as exact as float32).
struct Normaliser {
  double value;
  double error;
};

class RowScores {
 public:
  virtual ~RowScores() = default;
  virtual void constrain(const Constraint&) = 0;
  virtual void best(std::int64_t k, std::vector<Candidate>& out) = 0;
  virtual Normaliser log_normaliser() = 0;
  virtual const float* logits() = 0;
};

}  // namespace mime_fast
