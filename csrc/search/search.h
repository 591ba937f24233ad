#pragma once

#include <cstdint>
#include <vector>

#include "runtime/interrupt.h"
#include "search/hypothesis.h"
#include "search/scores.h"

namespace mime_fast {

// One request's strategy: it owns the hypotheses, the engine owns their state. It mirrors the
// protocol in mime_fast/search/strategy.py. After an exception it is of no more use.
class Search {
 public:
  virtual ~Search() = default;

  // A parent of rows that continue the row before them, with a drafted token.
  static constexpr std::int32_t kRowBefore = -1;

  // How many rows the next step decodes; 0: the search is over.
  virtual std::int64_t rows() const = 0;

  // How many rows it decodes without drafts.
  virtual std::int64_t sequences() const { return rows(); }

  // What a step reads of each row; the same at every step.
  virtual Needs needs() const = 0;

  // A step, first half: tells each row what must not be said.
  //   scores     // (rows(),)
  //   interrupt  // looked at row by row; null: never
  virtual void constrain(RowScores* const* scores, Interrupt* interrupt = nullptr) = 0;

  // Before the second half: how many drafts may follow the token of each sequence.
  virtual void limit_drafts(std::int64_t) {}

  // Second half: reads each row, prepared as needs() says, and writes the parent row (or
  // kRowBefore) and the token of each next row.
  virtual void advance(const RowScores* const* scores, std::vector<std::int32_t>& parents,
                       TokenIds& tokens, Interrupt* interrupt = nullptr) = 0;

  // The tokens that the final best hypothesis is sure to start with; holds until the next advance.
  virtual const TokenIds& agreed() = 0;

  // A hypothesis that starts with the agreed tokens, for their log-probabilities; likewise.
  virtual const Hypothesis& leader() = 0;

  // The replies, once the search is over.
  virtual std::vector<Hypothesis> results() const = 0;
};

}  // namespace mime_fast
