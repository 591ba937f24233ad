#pragma once

#include <cstdint>
#include <vector>

#include "search/constraints.h"
#include "search/draft_table.h"
#include "search/options.h"
#include "search/search.h"
#include "search/special.h"

namespace mime_fast {

// Greedy decoding and sampling: independent rows, one for each sequence, in the order they were
// drawn. Sequence i draws its token n with number n of stream 1 + i; stream 0 is the emotion noise.
//
// With a draft table a sequence has further rows, one for each drafted word. A draft row is decoded
// as if the words before it had been chosen, and is read only if they were. So the tokens are those
// without drafts.
class Sampler final : public Search {
 public:
  // Throws std::invalid_argument for an option out of range.
  // drafts: outlives the search; null for a search without drafts.
  Sampler(const GenerationOptions& options, std::uint64_t seed,
          TokenIds blocked = never_generated(), const DraftTable* drafts = nullptr);

  std::int64_t rows() const override;
  std::int64_t sequences() const override { return static_cast<std::int64_t>(live_.size()); }
  void limit_drafts(std::int64_t most) override { max_drafts_ = most; }
  DraftCount drafts() const override { return draft_count_; }
  Needs needs() const override;
  void constrain(RowScores* const* scores, Interrupt* interrupt = nullptr) override;
  void advance(const RowScores* const* scores, std::vector<std::int32_t>& parents, TokenIds& tokens,
               Interrupt* interrupt = nullptr) override;
  const TokenIds& agreed() override { return leader().tokens; }
  const Hypothesis& leader() override { return hypotheses_.front(); }
  std::vector<Hypothesis> results() const override { return hypotheses_; }

 private:
  struct Live {
    std::size_t sequence;
    TokenIds drafts;
  };

  // Reads the rows of a sequence; false if it has ended. row becomes the last row that was read.
  bool advance(const Live& live, const RowScores* const* scores, std::int32_t& row);
  void propose(Live& live) const;
  TokenLogit choose(const RowScores& scores) const;
  void extend(Hypothesis& hypothesis, const RowScores& scores, const TokenLogit& chosen) const;

  GenerationOptions options_;
  std::uint64_t seed_;
  Constraints constraints_;
  std::vector<Hypothesis> hypotheses_;  // (num_sequences,)
  std::vector<Live> live_;
  const DraftTable* drafts_;
  std::int64_t max_drafts_ = 0;
  DraftCount draft_count_;
  TokenIds generated_;
};

}  // namespace mime_fast
