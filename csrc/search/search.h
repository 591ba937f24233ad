#pragma once

#include <cstdint>
#include <vector>

#include "runtime/interrupt.h"
#include "search/hypothesis.h"
#include "search/scores.h"

namespace mime_fast {

// The words that a search had draft rows for, and those of them that were right.
struct DraftCount {
  std::int64_t drafted = 0;
  std::int64_t accepted = 0;
};

// The search strategy of one request: it owns the hypotheses, and the engine owns their state. It
// mirrors the protocol in mime_fast/search/strategy.py. An exception leaves it unusable.
class Search {
 public:
  virtual ~Search() = default;

  // The parent of a draft row, which continues the row before it with a drafted token.
  static constexpr std::int32_t kDraftRow = -1;

  // Number of rows that the next step decodes; 0: the search is over.
  virtual std::int64_t rows() const = 0;

  // Number of rows without drafts.
  virtual std::int64_t sequences() const { return rows(); }

  // What a step reads of each row; equal at every step.
  virtual Needs needs() const = 0;

  // The first half of a step: constrains the next token of each row.
  //   scores     // (rows(),)
  //   interrupt  // checked row by row; null: never
  virtual void constrain(RowScores* const* scores, Interrupt* interrupt = nullptr) = 0;

  // Limits how many drafts may follow the token of each sequence; called before the second half.
  virtual void limit_drafts(std::int64_t) {}

  // Returns how many words were drafted in all steps so far, and how many of them were right.
  virtual DraftCount drafts() const { return {}; }

  // The second half of a step. Reads each row, which was prepared for needs(). Writes the parent
  // row (or kDraftRow) and the token of each next row.
  virtual void advance(const RowScores* const* scores, std::vector<std::int32_t>& parents,
                       TokenIds& tokens, Interrupt* interrupt = nullptr) = 0;

  // The tokens that the final best hypothesis starts with for certain; valid until the next
  // advance.
  virtual const TokenIds& agreed() = 0;

  // A hypothesis that starts with the agreed tokens, for their log-probabilities; valid as long.
  virtual const Hypothesis& leader() = 0;

  // The replies, best first, once the search is over.
  virtual std::vector<Hypothesis> results() const = 0;
};

}  // namespace mime_fast
