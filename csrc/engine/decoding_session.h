#pragma once

#include <cstdint>
#include <deque>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "engine/scorer.h"
#include "layers/decode_state.h"
#include "search/options.h"
#include "search/search.h"

namespace mime_fast {

// Requests that are decoded together, each with its own options. A step decodes one token of every
// live row, and all rows share one pass over the weights. Rows that end leave; then rows of waiting
// requests join.
class DecodingSession {
 public:
  // options: of requests that join without their own. expected: number of requests that buffers are
  // reserved for. Throws std::invalid_argument for an option out of range.
  DecodingSession(std::shared_ptr<Engine> engine, const GenerationOptions& options,
                  std::size_t expected, Interrupt* interrupt = nullptr);

  // Adds a request, which is decoded from the next step on that has room for its rows. Returns its
  // number: requests count from 0, and a number that was released is used again. Throws
  // std::invalid_argument for an option out of range.
  std::size_t join(std::shared_ptr<const EncoderOutput> encoded, const GenerationOptions& options,
                   std::uint64_t seed);
  std::size_t join(std::shared_ptr<const EncoderOutput> encoded, std::uint64_t seed) {
    return join(std::move(encoded), options_, seed);
  }
  // Throws std::invalid_argument for an option that is out of range for the engine's model.
  static void check_options(const Engine& engine, const GenerationOptions& options);

  // Makes one step of every search that is not over; false if none was left to make. An exception
  // cancels all requests that had not ended.
  bool advance() { return run(1); }
  // Makes up to `steps` steps; otherwise as advance.
  bool run(std::int64_t steps = std::numeric_limits<std::int64_t>::max(),
           Interrupt* interrupt = nullptr);
  // Makes one step. A request whose search or stop condition throws ends alone, with an error(). An
  // exception of the step itself cancels all requests that had not ended.
  void step(Team& team);

  // Removes a request; its rows leave now if it has not ended. A later request may get its number.
  void release(std::size_t request);

  // Number of steps that were made: below the number of tokens where drafts were right.
  std::int64_t steps() const { return steps_; }
  // Whether no request is left that has not ended.
  bool is_over() const { return live_.empty() && waiting_.empty(); }

  const Engine& engine() const { return *engine_; }
  std::size_t size() const { return requests_.size(); }
  Search& search(std::size_t request) { return *requests_[request].search; }
  bool has_ended(std::size_t request) const { return requests_[request].has_ended; }
  // What a request ended with before its reply was complete; or null.
  const std::exception_ptr& error(std::size_t request) const { return requests_[request].error; }

  // More rows make no reply cheaper: 0.87 ms each with 8 to 32 rows, 0.96 with 64, 1.0 with 256.
  static constexpr std::int64_t kSharedRows = 32;
  // Most rows that a request has, without drafts.
  static std::int64_t rows_of(const GenerationOptions& options) {
    return options.num_beams > 1 ? options.num_beams : options.num_sequences();
  }
  // Whether rows may share the steps of so many other rows. Any number of rows may be alone.
  static bool fits(std::int64_t rows, std::int64_t others) {
    return rows == 0 || others == 0 || others + rows <= kSharedRows;
  }

 private:
  // Rows of a step that drafts may fill up: the screening reads at least six in one pass.
  static constexpr std::int64_t kDraftedRows = 6;

  struct Request {
    std::shared_ptr<const EncoderOutput> encoded;  // null once the request has ended
    std::unique_ptr<Search> search;                // null once it was released
    Needs needs;
    std::int64_t rows = 0;  // most that it has, without drafts
    std::int64_t max_steps = 0;
    bool has_ended = false;
    std::exception_ptr error;
  };

  // Most rows of a step of so many requests, of which those that find room share it.
  static std::int64_t rows_for(const GenerationOptions& options, std::size_t requests);
  // Most rows that the live requests have, with the drafts of those that joined before the last.
  std::int64_t most_rows() const { return live_rows_ + kDraftedRows; }
  std::size_t new_number();
  void cancel_all();
  void release_ended();
  void admit_waiting(const Team& team);
  void admit(const Team& team, std::size_t request);
  void reserve_scorer();
  void remove_rows(std::size_t request);
  void trim();
  void collect_needs();
  void constrain(RowScores* const* scores, Interrupt* interrupt);
  void limit_drafts();
  void choose(const RowScores* const* scores, Interrupt* interrupt);
  void end(std::size_t request);
  void throw_error_of_ended();

  std::shared_ptr<Engine> engine_;
  GenerationOptions options_;
  std::int64_t max_rows_;       // rows that there is room for
  std::int64_t live_rows_ = 0;  // most rows of the live requests, without drafts
  std::vector<Request> requests_;
  std::vector<std::size_t> released_;  // numbers that can be used again
  std::deque<std::size_t> waiting_;    // requests, in the order in which they joined
  std::vector<std::size_t> live_;      // requests, in the order of their rows
  std::vector<std::size_t> ended_;     // in the newest step
  DecodeState state_;
  std::optional<Scorer> scorer_;
  std::int64_t steps_ = 0;
  TokenIds tokens_;                           // (rows,) the newest of each
  std::vector<const Needs*> needs_;           // (rows,)
  std::vector<std::int32_t> parents_;         // (rows,) the row that each continues
  std::vector<std::int32_t> chosen_parents_;  // of one request, as its search numbers rows
  TokenIds chosen_tokens_;
};

}  // namespace mime_fast
