#pragma once

#include "vocabulary/screened_row.h"

namespace mime_fast {

// The scores of one row's next token, screened in int8. Best and drawn words are computed in
// float32, and equal those without screening; a log-partition is within its error.
class ScreenedScores final : public RowScores {
 public:
  ScreenedScores(const Vocabulary& vocabulary, const cpu::Kernels& kernels)
      : row_(vocabulary, kernels) {}

  // ScreenedRow says what these do. Call use() before prepare().
  void reset(const float* hidden, float* scores, const cpu::ScreenBound& bound) {
    row_.reset(hidden, scores, bound);
  }
  void use(ScreenedRow::Scratch& scratch) { row_.use(scratch); }

  void constrain(const Constraint& constraint) override { row_.constrain(constraint); }
  void prepare(const Needs& needs) override;

 private:
  ScreenedRow row_;
};

}  // namespace mime_fast
