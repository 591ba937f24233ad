#pragma once

#include <cstdint>
#include <vector>

#include "models/reply_model.h"
#include "search/dense_scores.h"
#include "vocabulary/screened_scores.h"

namespace mime_fast {

// Computes the scores that searches read from hidden vectors: screened logits, or all logits if the
// model was loaded without screening.
class Scorer {
 public:
  // What is read of each row, (rows,).
  using RowNeeds = std::vector<const Needs*>;

  Scorer(const ReplyModel& model, std::int64_t max_rows, int threads);

  // Returns the scores of the next words, (rows,), which are then constrained and prepared. No row
  // may need more when it is prepared.
  RowScores* const* score(Team& team, const RowView& hidden, const RowNeeds& needs);
  void prepare(Team& team, const RowNeeds& needs);

 private:
  void screen(Team& team, const RowView& hidden, const RowNeeds& needs);
  void project(Team& team, const RowView& hidden);

  const ReplyModel& model_;
  const QuantizedVocabulary* quantized_;  // null: all logits
  std::vector<RowScores*> scores_;        // (rows,)

  QuantizedVocabulary::Scratch screen_;
  std::vector<ScreenedScores> screened_;       // (max_rows,)
  std::vector<ScreenedRow::Scratch> rescore_;  // (threads,)

  Buffer<float> logits_;            // (max_rows, padded_words)
  std::vector<DenseScores> dense_;  // (max_rows,)
};

}  // namespace mime_fast
