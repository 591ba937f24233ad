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

// Requests that are decoded together. A step decodes one token of every live row, and all rows
// share one pass over the weights. Rows that end leave; then rows of waiting requests join.
class DecodingSession {
 public:
  // options: of all requests. expected: number of requests that buffers are reserved for. Throws
  // std::invalid_argument for an option out of range.
  DecodingSession(std::shared_ptr<Engine> engine, const GenerationOptions& options,
                  std::size_t expected, Interrupt* interrupt = nullptr);

  // Adds a request, which is decoded from the next step on that has room for its rows. Returns its
  // number, counted from 0.
  std::size_t join(std::shared_ptr<const EncoderOutput> encoded, std::uint64_t seed);

  // Makes one step of every search that is not over; false if none was left to make. An exception
  // cancels all requests that had not ended.
  bool advance() { return run(1); }
  // Makes up to `steps` steps; otherwise as advance.
  bool run(std::int64_t steps = std::numeric_limits<std::int64_t>::max(),
           Interrupt* interrupt = nullptr);

  // Number of steps that were made: below the number of tokens where drafts were right.
  std::int64_t steps() const { return steps_; }

  const Engine& engine() const { return *engine_; }
  std::size_t size() const { return requests_.size(); }
  Search& search(std::size_t request) { return *requests_[request].search; }

 private:
  // Rows of a step that drafts may fill up: the screening reads six in one pass.
  static constexpr std::int64_t kDraftedRows = 6;

  struct Request {
    std::shared_ptr<const EncoderOutput> encoded;  // null once the request has ended
    std::unique_ptr<Search> search;
  };

  bool is_over() const { return live_.empty() && admitted_ == requests_.size(); }
  // Most rows that `live` requests have, with the drafts of those that joined before the last.
  std::int64_t rows_of(std::int64_t live) const { return live * rows_each_ + kDraftedRows; }
  void step(Team& team);
  void cancel_all();
  void release_ended();
  void admit_waiting(const Team& team);
  void admit(const Team& team, std::size_t request);
  void choose(Team& team, RowScores* const* scores);
  void limit_drafts();

  std::shared_ptr<Engine> engine_;
  GenerationOptions options_;
  std::int64_t rows_each_;  // most rows of a request, without drafts
  std::int64_t max_live_;   // most requests that share a step
  std::int64_t max_rows_;   // rows that there is room for
  std::vector<Request> requests_;
  std::size_t admitted_ = 0;
  std::vector<std::size_t> live_;   // requests, in the order of their rows
  std::vector<std::size_t> ended_;  // in this step
  DecodeState state_;
  std::optional<Scorer> scorer_;
  std::int64_t steps_ = 0;
  TokenIds tokens_;                           // (rows,) the newest of each
  std::vector<std::int32_t> parents_;         // (rows,) the row that each continues
  std::vector<std::int32_t> chosen_parents_;  // of one request, as its search numbers rows
  TokenIds chosen_tokens_;
};

}  // namespace mime_fast
