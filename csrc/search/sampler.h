#pragma once

#include <cstdint>
#include <vector>

#include "search/constraints.h"
#include "search/options.h"
#include "search/search.h"
#include "search/special.h"

namespace mime_fast {

// Greedy decoding and sampling: independent rows, one for each sequence, in the order they were
// drawn. Sequence i draws its token n with number n of stream 1 + i; stream 0 is the emotion noise.
class Sampler final : public Search {
 public:
  // Throws std::invalid_argument for an option out of range.
  Sampler(const GenerationOptions& options, std::uint64_t seed,
          TokenIds blocked = never_generated());

  std::int64_t rows() const override { return static_cast<std::int64_t>(live_.size()); }
  void advance(RowScores* const* scores, std::vector<std::int32_t>& parents,
               TokenIds& tokens) override;
  const TokenIds& agreed() override { return leader().tokens; }
  const Hypothesis& leader() override { return hypotheses_.front(); }
  std::vector<Hypothesis> results() const override { return hypotheses_; }

 private:
  Candidate choose(RowScores& scores, std::size_t sequence);
  Candidate sample(RowScores& scores, double uniform);
  void extend(Hypothesis& hypothesis, RowScores& scores, const Candidate& chosen) const;

  GenerationOptions options_;
  std::uint64_t seed_;
  Constraints constraints_;
  std::vector<Hypothesis> hypotheses_;  // (num_return_sequences,)
  std::vector<std::size_t> live_;       // (rows,), the sequence of each row
  std::vector<Candidate> candidates_;
  std::int64_t steps_ = 0;
};

}  // namespace mime_fast
