#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "io/safetensors.h"
#include "search/hypothesis.h"

namespace mime_fast {

// The vectors of a context's ids, by which best_of ranks replies: relevance.safetensors, as
// mime_fast/relevance.py reads it.
class RelevanceTable {
 public:
  // Reads a table of so many ids. Throws CheckpointError that names the path.
  RelevanceTable(const std::string& path, std::int64_t ids);

  // Cosines, (replies,), of the summed vectors of each reply and of the turn: ids of a context.
  std::vector<double> similarities(const std::vector<TokenIds>& replies,
                                   const TokenIds& turn) const;

 private:
  std::vector<double> sum(const TokenIds& ids) const;

  std::int64_t width_;
  std::vector<std::int8_t> values_;  // (ids, width)
  std::vector<float> scales_;        // (ids,)
};

// All samples, that of the highest expected utility first (mime_fast/search/consensus.py): the mean
// F1 of its tokens with those of every sample, plus its bonus.
//   bonus  // (samples,), or empty
std::vector<Hypothesis> by_consensus(const std::vector<Hypothesis>& samples,
                                     const std::vector<double>& bonus);

// What the length of each sample adds to its utility, (samples,): 0.3 times the logarithm of its
// tokens, as length_bonus in mime_fast/search/consensus.py.
std::vector<double> length_bonus(const std::vector<Hypothesis>& samples);

}  // namespace mime_fast
