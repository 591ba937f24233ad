#pragma once

#include "cpu/kernels.h"
#include "search/scores.h"

namespace mime_fast {

// All logits of a row, which the constraints change in place.
class DenseScores final : public RowScores {
 public:
  // logits  // (vocab,), borrowed
  DenseScores(float* logits, std::int64_t vocab, const cpu::Kernels& kernels)
      : logits_(logits), vocab_(vocab), kernels_(&kernels) {}

  void constrain(const Constraint& constraint) override;
  void prepare(const Needs& needs) override;

 private:
  float* logits_;
  std::int64_t vocab_;
  const cpu::Kernels* kernels_;
  float max_ = 0;  // of the constrained logits
};

}  // namespace mime_fast
