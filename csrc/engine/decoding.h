#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/decode_state.h"
#include "engine/engine.h"
#include "engine/scorer.h"
#include "search/options.h"
#include "search/search.h"

namespace mime_fast {

// Several requests that are answered together: each step decodes one token of every live row, and
// all rows share each pass over the weights. Rows that end leave.
class Decoding {
 public:
  // encoded, seeds: one for each request; the options are those of all.
  // Throws std::invalid_argument for an option out of range.
  Decoding(std::shared_ptr<Engine> engine, std::vector<std::shared_ptr<const Encoded>> encoded,
           const GenerationOptions& options, const std::vector<std::uint64_t>& seeds);

  // One step of every search that is not over; false if there was none left to make.
  bool advance();
  // All steps.
  void run();

  // How many steps were made: fewer than tokens, where drafts were right.
  std::int64_t steps() const { return steps_; }

  std::size_t size() const { return searches_.size(); }
  Search& search(std::size_t request) { return *searches_[request]; }

 private:
  void step(Team& team);
  void choose(Team& team, RowScores* const* scores);
  void limit_drafts();

  std::shared_ptr<Engine> engine_;
  std::vector<std::shared_ptr<const Encoded>> encoded_;
  std::vector<std::unique_ptr<Search>> searches_;
  DecodeState state_;
  Scorer scorer_;
  std::int64_t steps_ = 0;
  TokenIds tokens_;                    // (rows,) the newest of each
  std::vector<std::int32_t> kept_;     // (rows,) the row that each continues
  std::vector<std::int32_t> parents_;  // what a search chose
  TokenIds chosen_;
};

}  // namespace mime_fast
