#include "engine/decoding_session.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "search/beam.h"
#include "search/sampler.h"
#include "search/special.h"

namespace mime_fast {
namespace {

constexpr Needs kNothing{};  // of the rows of a request that failed

// Drafts pay where a step is bound by memory: greedy decoding, one quantisation plane a row.
bool are_drafts_worth_it(const GenerationOptions& options) {
  return options.speculation && !options.do_sample && !options.needs_scores();
}

std::unique_ptr<Search> new_search(const Engine& engine, const GenerationOptions& options,
                                   std::uint64_t seed) {
  if (options.num_beams > 1) return std::make_unique<BeamSearch>(options);
  const DraftTable* drafts =
      are_drafts_worth_it(options) && !engine.drafts.empty() ? &engine.drafts : nullptr;
  return std::make_unique<Sampler>(options, seed, never_generated(), drafts);
}

void check_ids(const std::vector<TokenIds>& bad_words, std::int64_t vocab) {
  for (const TokenIds& words : bad_words) {
    for (const std::int32_t id : words) {
      if (id < vocab) continue;
      throw std::invalid_argument("bad_words must hold ids below vocab_size = " +
                                  std::to_string(vocab) + ", got " + std::to_string(id));
    }
  }
}

const GenerationOptions& checked(const Engine& engine, const GenerationOptions& options) {
  DecodingSession::check_options(engine, options);
  return options;
}

// Calls a part of a step that belongs to one request. Returns what it threw, or null.
template <typename Call>
std::exception_ptr error_of(Call&& call) {
  try {
    call();
  } catch (const Interrupted&) {  // of the whole step
    throw;
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

}  // namespace

// The decoder has no position behind max_positions.
void DecodingSession::check_options(const Engine& engine, const GenerationOptions& options) {
  const ModelConfig& config = engine.model->config();
  check_ids(options.bad_words, config.vocab_size);
  options.checked();
  if (options.max_new_tokens <= config.max_positions) return;
  throw std::invalid_argument(
      "max_new_tokens must be at most max_positions = " + std::to_string(config.max_positions) +
      ", got " + std::to_string(options.max_new_tokens));
}

DecodingSession::DecodingSession(std::shared_ptr<Engine> engine, const GenerationOptions& options,
                                 std::size_t expected, Interrupt* interrupt)
    : engine_(std::move(engine)),
      options_(checked(*engine_, options)),
      max_rows_(rows_for(options_, expected)),
      state_(engine_->model->new_state(max_rows_, options_.max_new_tokens, interrupt)) {
  requests_.reserve(expected);
}

std::int64_t DecodingSession::rows_for(const GenerationOptions& options, std::size_t requests) {
  const std::int64_t rows = rows_of(options);
  const std::int64_t live = std::max(kSharedRows / rows, std::int64_t{1});
  return std::min(static_cast<std::int64_t>(requests), live) * rows + kDraftedRows;
}

std::size_t DecodingSession::join(std::shared_ptr<const EncoderOutput> encoded,
                                  const GenerationOptions& options, std::uint64_t seed) {
  Request request{.encoded = std::move(encoded),
                  .search = new_search(*engine_, checked(*engine_, options), seed),
                  .needs = {},
                  .rows = rows_of(options),
                  .max_steps = options.max_new_tokens,
                  .has_ended = false,
                  .error = nullptr};
  request.needs = request.search->needs();
  const std::size_t number = new_number();
  requests_[number] = std::move(request);
  waiting_.push_back(number);
  return number;
}

std::size_t DecodingSession::new_number() {
  if (released_.empty()) {
    requests_.emplace_back();
    released_.reserve(requests_.capacity());  // so that release() allocates nothing
    return requests_.size() - 1;
  }
  const std::size_t number = released_.back();
  released_.pop_back();
  return number;
}

bool DecodingSession::run(std::int64_t steps, Interrupt* interrupt) {
  if (is_over()) return false;
  Team team(engine_->pool, interrupt);
  for (; steps > 0 && !is_over(); --steps) {
    step(team);
    throw_error_of_ended();
  }
  return true;
}

void DecodingSession::step(Team& team) {
  try {
    admit_waiting(team);
    engine_->model->step(team, tokens_.data(), state_);
    collect_needs();
    RowScores* const* const scores = scorer_->score(team, state_.hidden(), needs_);
    constrain(scores, team.interrupt());
    scorer_->prepare(team, needs_);
    limit_drafts();
    choose(scores, team.interrupt());
    state_.select(parents_, team.interrupt());
    release_ended();
    ++steps_;
  } catch (...) {
    cancel_all();
    throw;
  }
}

// Rows may have taken half a step, so none of them can continue.
void DecodingSession::cancel_all() {
  live_.clear();
  waiting_.clear();
  live_rows_ = 0;
  tokens_.clear();
  parents_.clear();
  state_.select(parents_);
  for (Request& request : requests_) {
    request.encoded.reset();
    request.has_ended = true;
  }
}

void DecodingSession::throw_error_of_ended() {
  for (const std::size_t request : ended_) {
    const std::exception_ptr error = requests_[request].error;
    if (!error) continue;
    cancel_all();
    std::rethrow_exception(error);
  }
}

// Results are kept; the encoder outputs of ended requests are released.
void DecodingSession::release_ended() {
  for (const std::size_t request : ended_) requests_[request].encoded.reset();
}

void DecodingSession::release(std::size_t request) {
  remove_rows(request);
  waiting_.erase(std::remove(waiting_.begin(), waiting_.end(), request), waiting_.end());
  ended_.erase(std::remove(ended_.begin(), ended_.end(), request), ended_.end());
  requests_[request] = Request{};
  released_.push_back(request);
  trim();
}

void DecodingSession::remove_rows(std::size_t request) {
  const auto found = std::find(live_.begin(), live_.end(), request);
  if (found == live_.end()) return;
  parents_.clear();
  chosen_tokens_.clear();
  std::int64_t row = 0;
  for (const std::size_t other : live_) {
    for (const std::int64_t end = row + search(other).rows(); row < end; ++row) {
      if (other == request) continue;
      const auto kept = static_cast<std::int32_t>(row);
      parents_.push_back(state_.is_draft_row(row) ? DecodeState::kDraftRow : kept);
      chosen_tokens_.push_back(tokens_[static_cast<std::size_t>(row)]);
    }
  }
  tokens_ = chosen_tokens_;
  state_.select(parents_);
  live_rows_ -= requests_[request].rows;
  live_.erase(found);
}

// A search of 1000 beams needs 100 MB of scores, which would otherwise be kept.
void DecodingSession::trim() {
  const std::int64_t enough = std::max(kSharedRows + kDraftedRows, most_rows());
  if (max_rows_ < 4 * enough) return;
  scorer_.reset();
  state_.trim(enough);
  max_rows_ = enough;
}

void DecodingSession::admit_waiting(const Team& team) {
  while (!waiting_.empty() && fits(requests_[waiting_.front()].rows, live_rows_)) {
    admit(team, waiting_.front());
    waiting_.pop_front();
  }
  reserve_scorer();
}

void DecodingSession::reserve_scorer() {
  if (scorer_ && most_rows() <= max_rows_) return;
  max_rows_ = std::max(max_rows_, most_rows());
  scorer_.emplace(*engine_->model, max_rows_, engine_->pool.threads());
}

void DecodingSession::admit(const Team& team, std::size_t request) {
  const Request& joining = requests_[request];
  const std::int64_t rows = joining.search->rows();
  for (std::int64_t row = 0; row < rows; ++row) {
    team.check();
    state_.join(joining.encoded->memory, joining.max_steps);
  }
  tokens_.insert(tokens_.end(), static_cast<std::size_t>(rows), kSos);
  live_.push_back(request);
  live_rows_ += joining.rows;
}

void DecodingSession::collect_needs() {
  needs_.clear();
  for (const std::size_t request : live_) {
    needs_.insert(needs_.end(), static_cast<std::size_t>(search(request).rows()),
                  &requests_[request].needs);
  }
}

void DecodingSession::constrain(RowScores* const* scores, Interrupt* interrupt) {
  std::ptrdiff_t first = 0;
  for (const std::size_t request : live_) {
    Search& own = search(request);
    const auto rows = static_cast<std::ptrdiff_t>(own.rows());
    requests_[request].error = error_of([&] { own.constrain(scores + first, interrupt); });
    if (requests_[request].error) std::fill_n(needs_.begin() + first, rows, &kNothing);
    first += rows;
  }
}

void DecodingSession::choose(const RowScores* const* scores, Interrupt* interrupt) {
  parents_.clear();
  tokens_.clear();
  ended_.clear();
  std::int32_t first = 0;
  std::size_t still_live = 0;
  for (const std::size_t request : live_) {
    Search& own = search(request);
    std::exception_ptr& error = requests_[request].error;
    const auto rows = static_cast<std::int32_t>(own.rows());
    if (!error) {
      error = error_of(
          [&] { own.advance(scores + first, chosen_parents_, chosen_tokens_, interrupt); });
    }
    if (error || own.rows() == 0) {
      end(request);
    } else {
      live_[still_live++] = request;
      for (const std::int32_t parent : chosen_parents_) {
        const bool is_draft = parent == Search::kDraftRow;
        parents_.push_back(is_draft ? DecodeState::kDraftRow : first + parent);
      }
      tokens_.insert(tokens_.end(), chosen_tokens_.begin(), chosen_tokens_.end());
    }
    first += rows;
  }
  live_.resize(still_live);
}

void DecodingSession::end(std::size_t request) {
  requests_[request].has_ended = true;
  live_rows_ -= requests_[request].rows;
  ended_.push_back(request);
}

void DecodingSession::limit_drafts() {
  std::int64_t sequences = 0;
  for (const std::size_t request : live_) sequences += search(request).sequences();
  for (const std::size_t request : live_) {
    search(request).limit_drafts(kDraftedRows / sequences - 1);
  }
}

}  // namespace mime_fast
