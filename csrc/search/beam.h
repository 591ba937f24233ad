#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "search/constraints.h"
#include "search/options.h"
#include "search/prefix_tree.h"
#include "search/search.h"
#include "search/special.h"

namespace mime_fast {

// Beam search with length penalty, early stopping and n-best. A hypothesis that ends, by
// end-of-reply or by a stop condition, is set aside, and the others fill the beam.
// freeze = false is the search of the released code, a reference of the tests. There a hypothesis
// that ended continues. The search is over when the best one's newest token is end-of-reply.
class BeamSearch final : public Search {
 public:
  // Throws std::invalid_argument for an option out of range.
  explicit BeamSearch(const GenerationOptions& options, bool freeze = true,
                      TokenIds blocked = never_generated());

  std::int64_t rows() const override { return static_cast<std::int64_t>(live_.size()); }
  // Each parent reaches end-of-reply at most once, so that `width` of 2 * width continuations
  // continue. With a stop condition fewer may continue; the next step fills the beam again.
  Needs needs() const override { return {2 * options_.num_beams, true}; }
  void constrain(RowScores* const* scores, Interrupt* interrupt = nullptr) override;
  void advance(const RowScores* const* scores, std::vector<std::int32_t>& parents, TokenIds& tokens,
               Interrupt* interrupt = nullptr) override;
  const TokenIds& agreed() override;
  const Hypothesis& leader() override;
  std::vector<Hypothesis> results() const override;

 private:
  struct Continuation {
    double total;  // log-probability of the whole reply
    double log_prob;
    std::int32_t row;
    std::int32_t token;
    std::size_t rank;  // within the row
  };
  struct Finished {
    std::int32_t node;
    double score;
  };

  static bool ranks_before(const Continuation& a, const Continuation& b);
  void rank(const RowScores* const* scores, Interrupt* interrupt);
  void rank_row(const RowScores& scores, std::int32_t row);
  Constraint constraint_after(std::int32_t node);
  void keep_best();
  void extend(std::vector<std::int32_t>& parents, TokenIds& tokens);
  bool ends(const Continuation& continuation);
  void finish(std::int32_t node);
  bool is_over() const;
  void close();
  double attainable(std::int32_t node) const;
  double expected(std::int32_t node) const;
  double best_finished_score() const;
  std::int32_t common_node() const;

  GenerationOptions options_;
  Constraints constraints_;
  bool freeze_;
  std::size_t width_;
  PrefixTree tree_;
  std::vector<std::int32_t> live_;    // (rows,) nodes, best first
  std::vector<std::int32_t> next_;    // those of the next step
  std::vector<Finished> finished_;    // best first, at most width_
  std::vector<Continuation> ranked_;  // best first, at most 2 * width_ between rows
  TokenIds prefix_;
  TokenIds agreed_;
  Hypothesis leader_;
  std::int64_t steps_ = 0;
};

}  // namespace mime_fast
