#include "engine/scorer.h"

namespace mime_fast {
namespace {

std::int64_t if_screened(const Mime& model, std::int64_t rows) {
  return model.screened() != nullptr ? rows : 0;
}

}  // namespace

Scorer::Scorer(const Mime& model, std::int64_t max_rows, bool needs_normalisers)
    : model_(model),
      needs_normalisers_(needs_normalisers),
      screen_(model.screened(), if_screened(model, max_rows)),
      rescore_(if_screened(model, model.vocabulary().padded_words())),
      logits_((max_rows - if_screened(model, max_rows)) * model.vocabulary().padded_words()) {
  const auto rows = static_cast<std::size_t>(max_rows);
  scores_.reserve(rows);
  dense_.reserve(rows);
  if (model.screened() == nullptr) return;
  screened_.reserve(rows);
  for (std::size_t row = 0; row < rows; ++row) {
    screened_.emplace_back(model.vocabulary(), model.kernels(), rescore_);
  }
}

RowScores* const* Scorer::score(Team& team, const Rows& hidden) {
  scores_.clear();
  if (model_.screened() != nullptr) {
    screen(team, hidden);
  } else {
    project(team, hidden);
  }
  return scores_.data();
}

void Scorer::screen(Team& team, const Rows& hidden) {
  model_.screened()->screen(model_.kernels(), team, hidden, digits(hidden.count), screen_);
  const std::int64_t words = model_.vocabulary().padded_words();
  for (std::int64_t row = 0; row < hidden.count; ++row) {
    const auto index = static_cast<std::size_t>(row);
    screened_[index].reset(hidden.row(row), screen_.scores.data() + row * words,
                           screen_.bounds[index]);
    scores_.push_back(&screened_[index]);
  }
}

// The best words are exact either way. A normaliser is not, and must not depend on how many other
// rows there are: it always gets the finer screening.
ScreenedVocabulary::Digits Scorer::digits(std::int64_t rows) const {
  constexpr std::int64_t kFree = 2;  // rows that a second digit costs nothing for: 81 to 89 us
  return needs_normalisers_ || rows <= kFree ? ScreenedVocabulary::Digits::two
                                             : ScreenedVocabulary::Digits::one;
}

void Scorer::project(Team& team, const Rows& hidden) {
  const Vocabulary& vocabulary = model_.vocabulary();
  const Rows logits{logits_.data(), hidden.count, vocabulary.padded_words()};
  vocabulary.project(model_.kernels(), team, hidden, logits);
  dense_.clear();
  for (std::int64_t row = 0; row < hidden.count; ++row) {
    dense_.emplace_back(logits.row(row), vocabulary.words());
    scores_.push_back(&dense_.back());
  }
}

}  // namespace mime_fast
