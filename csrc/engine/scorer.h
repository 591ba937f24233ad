#pragma once

#include <cstdint>
#include <vector>

#include "engine/mime.h"
#include "engine/screened_scores.h"
#include "search/dense_scores.h"

namespace mime_fast {

// Turns hidden vectors into what a search reads: screened or all logits, as the model was loaded.
class Scorer {
 public:
  // needs_normalisers: whether the searches ask for log-normalisers, or only for the best words.
  Scorer(const Mime& model, std::int64_t max_rows, bool needs_normalisers);

  // (rows,), valid until the next call.
  RowScores* const* score(Team& team, const Rows& hidden);

 private:
  void screen(Team& team, const Rows& hidden);
  void project(Team& team, const Rows& hidden);
  ScreenedVocabulary::Digits digits(std::int64_t rows) const;

  const Mime& model_;
  bool needs_normalisers_;
  std::vector<RowScores*> scores_;  // (rows,)

  ScreenedVocabulary::Scratch screen_;
  ScreenedScores::Scratch rescore_;
  std::vector<ScreenedScores> screened_;  // (max_rows,) if the model is screened

  Buffer<float> logits_;  // (max_rows, padded_words) if it is not
  std::vector<DenseScores> dense_;
};

}  // namespace mime_fast
