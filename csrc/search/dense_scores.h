#pragma once

#include "search/scores.h"

namespace mime_fast {

// All logits of a row, which the constraints change in place.
class DenseScores final : public RowScores {
 public:
  // logits  // (vocab,), borrowed
  DenseScores(float* logits, std::int64_t vocab) : logits_(logits), vocab_(vocab) {}

  std::int64_t vocab() const override { return vocab_; }
  void constrain(const Constraint& constraint) override;
  void prepare(const Needs& needs) override;

 private:
  float* logits_;
  std::int64_t vocab_;
  float max_ = 0;  // of the constrained logits
};

// Changes a row, (vocab,), as Constraint says, and returns its largest logit, which is finite.
float apply_constraint(const Constraint& constraint, float* row, std::int64_t vocab);

}  // namespace mime_fast
