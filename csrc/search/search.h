#pragma once

#include <cstdint>
#include <vector>

#include "search/hypothesis.h"
#include "search/scores.h"

namespace mime_fast {

// One request's strategy: it owns the hypotheses, the engine owns their state. It mirrors the
// protocol in mime_fast/search/decode.py. After an exception it is of no more use.
class Search {
 public:
  virtual ~Search() = default;

  // How many rows the next step decodes; 0: the search is over.
  virtual std::int64_t rows() const = 0;

  // Reads each row's scores; writes the parent row and the token of each next row.
  //   scores  // (rows(),)
  virtual void advance(RowScores* const* scores, std::vector<std::int32_t>& parents,
                       TokenIds& tokens) = 0;

  // The tokens that the final best hypothesis is sure to start with; holds until the next advance.
  virtual const TokenIds& agreed() = 0;

  // A hypothesis that starts with the agreed tokens, for their log-probabilities; likewise.
  virtual const Hypothesis& leader() = 0;

  // The replies, once the search is over.
  virtual std::vector<Hypothesis> results() const = 0;
};

}  // namespace mime_fast
