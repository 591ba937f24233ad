#pragma once

#include <cstdint>
#include <vector>

#include "models/reply_model.h"
#include "search/dense_scores.h"
#include "vocabulary/screened_scores.h"

namespace mime_fast {

// Turns hidden vectors into what a search reads: screened logits, or all of them if the model was
// loaded without screening.
class Scorer {
 public:
  Scorer(const ReplyModel& model, std::int64_t max_rows, const Needs& needs, int threads);

  // The scores of the next words, (rows,), to be constrained and then prepared.
  RowScores* const* score(Team& team, const Rows& hidden);
  void prepare(Team& team);

 private:
  void screen(Team& team, const Rows& hidden);
  void project(Team& team, const Rows& hidden);
  ScreenedVocabulary::Digits digits(std::int64_t rows) const;

  const ReplyModel& model_;
  const ScreenedVocabulary* vocabulary_;  // null: all logits
  Needs needs_;
  std::vector<RowScores*> scores_;  // (rows,)

  ScreenedVocabulary::Scratch screen_;
  std::vector<ScreenedScores> screened_;          // (max_rows,)
  std::vector<ScreenedScores::Scratch> rescore_;  // (threads,)

  Buffer<float> logits_;            // (max_rows, padded_words)
  std::vector<DenseScores> dense_;  // (max_rows,)
};

}  // namespace mime_fast
