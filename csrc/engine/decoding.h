#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "engine/engine.h"
#include "engine/scorer.h"
#include "layers/decode_state.h"
#include "search/options.h"
#include "search/search.h"

namespace mime_fast {

// Requests that are answered together: each step decodes one token of every live row, and all rows
// share each pass over the weights. Rows that end leave, and those of waiting requests join.
class Decoding {
 public:
  // The options are those of all requests, of which `expected` will come; more may.
  // Throws std::invalid_argument for an option out of range.
  Decoding(std::shared_ptr<Engine> engine, const GenerationOptions& options, std::size_t expected,
           Interrupt* interrupt = nullptr);

  // A further request, answered from the next step on that has room for its rows. Returns its
  // number: they count from 0.
  std::size_t join(std::shared_ptr<const Encoded> encoded, std::uint64_t seed);

  // One step of every search that is not over; false if there was none left to make. After an
  // exception the requests that had not ended are not answered any more.
  bool advance() { return run(1); }
  // So many steps, or all that are left; likewise.
  bool run(std::int64_t steps = std::numeric_limits<std::int64_t>::max(),
           Interrupt* interrupt = nullptr);

  // How many steps were made: fewer than tokens, where drafts were right.
  std::int64_t steps() const { return steps_; }

  const Engine& engine() const { return *engine_; }
  std::size_t size() const { return requests_.size(); }
  Search& search(std::size_t request) { return *requests_[request].search; }

 private:
  // Rows of a step that drafts may fill up: the screening takes six in one pass.
  static constexpr std::int64_t kDraftedRows = 6;

  struct Request {
    std::shared_ptr<const Encoded> encoded;  // until it ends
    std::unique_ptr<Search> search;
  };

  bool is_over() const { return live_.empty() && started_ == requests_.size(); }
  // That so many requests have, drafts of those before a last one joined among them.
  std::int64_t rows_of(std::int64_t live) const { return live * rows_each_ + kDraftedRows; }
  void step(Team& team);
  void give_up();
  void release_ended();
  void start_waiting(const Team& team);
  void start(const Team& team, std::size_t request);
  void choose(Team& team, RowScores* const* scores);
  void limit_drafts();

  std::shared_ptr<Engine> engine_;
  GenerationOptions options_;
  std::int64_t rows_each_;  // the most that a request has, without drafts
  std::int64_t most_live_;  // requests
  std::int64_t max_rows_;   // that there is room for
  std::vector<Request> requests_;
  std::size_t started_ = 0;
  std::vector<std::size_t> live_;   // requests, in the order of their rows
  std::vector<std::size_t> ended_;  // in this step
  DecodeState state_;
  std::optional<Scorer> scorer_;
  std::int64_t steps_ = 0;
  TokenIds tokens_;                    // (rows,) the newest of each
  std::vector<std::int32_t> kept_;     // (rows,) the row that each continues
  std::vector<std::int32_t> parents_;  // what a search chose
  TokenIds chosen_;
};

}  // namespace mime_fast
