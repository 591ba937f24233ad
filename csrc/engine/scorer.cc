#include "engine/scorer.h"

#include <algorithm>

namespace mime_fast {
namespace {

bool sums_all_words(const Needs* needs) {
  return needs->log_partition || (needs->draw && needs->draw->top_k == 0);
}

// The best words are exact with either number of planes. A sum over all words is not, and must not
// depend on the number of other rows, so it always gets two. So do exact weights, since the
// vector's own rounding is then the whole bound.
QuantizedVocabulary::Planes planes(const QuantizedVocabulary& vocabulary,
                                   const Scorer::RowNeeds& needs) {
  constexpr std::size_t kFree = 2;  // rows for which a second plane costs 89 instead of 81 us
  const bool two = vocabulary.has_exact_weights() || needs.size() <= kFree ||
                   std::any_of(needs.begin(), needs.end(), sums_all_words);
  return two ? QuantizedVocabulary::Planes::two : QuantizedVocabulary::Planes::one;
}

}  // namespace

Scorer::Scorer(const ReplyModel& model, std::int64_t max_rows, int threads)
    : model_(model), quantized_(model.quantized()), screen_(quantized_, max_rows) {
  const Vocabulary& words = model.vocabulary();
  scores_.reserve(static_cast<std::size_t>(max_rows));
  if (quantized_ == nullptr)
    logits_ = Buffer<float>::uninitialised(max_rows * words.padded_words());
  for (std::int64_t row = 0; row < max_rows; ++row) {
    if (quantized_ != nullptr) {
      screened_.emplace_back(words, model.kernels());
    } else {
      dense_.emplace_back(logits_.data() + row * words.padded_words(), words.words(),
                          model.kernels());
    }
  }
  for (int thread = 0; quantized_ != nullptr && thread < threads; ++thread) {
    rescore_.emplace_back(words.padded_words());
  }
}

RowScores* const* Scorer::score(Team& team, const RowView& hidden, const RowNeeds& needs) {
  scores_.clear();
  if (quantized_ != nullptr) {
    screen(team, hidden, needs);
  } else {
    project(team, hidden);
  }
  return scores_.data();
}

void Scorer::screen(Team& team, const RowView& hidden, const RowNeeds& needs) {
  quantized_->screen(model_.kernels(), team, hidden, planes(*quantized_, needs), screen_);
  const std::int64_t words = model_.vocabulary().padded_words();
  for (std::int64_t row = 0; row < hidden.count; ++row) {
    const auto index = static_cast<std::size_t>(row);
    screened_[index].reset(hidden.row(row), screen_.scores.data() + row * words,
                           screen_.bounds[index]);
    scores_.push_back(&screened_[index]);
  }
}

void Scorer::project(Team& team, const RowView& hidden) {
  const Vocabulary& words = model_.vocabulary();
  words.project(model_.kernels(), team, hidden,
                {logits_.data(), hidden.count, words.padded_words()});
  for (std::int64_t row = 0; row < hidden.count; ++row) {
    scores_.push_back(&dense_[static_cast<std::size_t>(row)]);
  }
}

void Scorer::prepare(Team& team, const RowNeeds& needs) {
  const auto rows = static_cast<std::int64_t>(scores_.size());
  const auto prepare_rows = [&](int part, int parts) {
    for (std::int64_t row = rows * part / parts; row < rows * (part + 1) / parts; ++row) {
      const auto index = static_cast<std::size_t>(row);
      team.check();
      if (quantized_ != nullptr) screened_[index].use(rescore_[static_cast<std::size_t>(part)]);
      scores_[index]->prepare(*needs[index]);
    }
  };
  if (rows == 1) return prepare_rows(0, 1);
  team.parallel([&](int part) { prepare_rows(part, team.size()); });
}

}  // namespace mime_fast
