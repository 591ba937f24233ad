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

// More rows make no reply cheaper: 0.87 ms each with 8 to 32 rows, 0.96 with 64, 1.0 with 256.
constexpr std::int64_t kSharedRows = 32;

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

// The decoder has no position behind max_positions.
const GenerationOptions& checked_options(const GenerationOptions& options,
                                         const ModelConfig& config) {
  check_ids(options.bad_words, config.vocab_size);
  if (options.max_new_tokens <= config.max_positions) return options.checked();
  throw std::invalid_argument(
      "max_new_tokens must be at most max_positions = " + std::to_string(config.max_positions) +
      ", got " + std::to_string(options.max_new_tokens));
}

std::int64_t rows_each(const GenerationOptions& options) {
  return options.num_beams > 1 ? options.num_beams : options.num_sequences();
}

}  // namespace

DecodingSession::DecodingSession(std::shared_ptr<Engine> engine, const GenerationOptions& options,
                                 std::size_t expected, Interrupt* interrupt)
    : engine_(std::move(engine)),
      options_(checked_options(options, engine_->model->config())),
      rows_each_(rows_each(options_)),
      max_live_(std::max(kSharedRows / rows_each_, std::int64_t{1})),
      max_rows_(rows_of(std::min(static_cast<std::int64_t>(expected), max_live_))),
      state_(engine_->model->new_state(max_rows_, options_.max_new_tokens, interrupt)) {
  requests_.reserve(expected);
}

std::size_t DecodingSession::join(std::shared_ptr<const EncoderOutput> encoded,
                                  std::uint64_t seed) {
  requests_.push_back({std::move(encoded), new_search(*engine_, options_, seed)});
  return requests_.size() - 1;
}

bool DecodingSession::run(std::int64_t steps, Interrupt* interrupt) {
  if (is_over()) return false;
  Team team(engine_->pool, interrupt);
  for (; steps > 0 && !is_over(); --steps) step(team);
  return true;
}

void DecodingSession::step(Team& team) {
  try {
    admit_waiting(team);
    engine_->model->step(team, tokens_.data(), state_);
    choose(team, scorer_->score(team, state_.hidden()));
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
  admitted_ = requests_.size();
  tokens_.clear();
  parents_.clear();
  state_.select(parents_);
  for (Request& request : requests_) request.encoded.reset();
}

// Results are kept; the encoder outputs of ended requests are released.
void DecodingSession::release_ended() {
  for (const std::size_t request : ended_) requests_[request].encoded.reset();
  ended_.clear();
}

void DecodingSession::admit_waiting(const Team& team) {
  const auto live = [&] { return static_cast<std::int64_t>(live_.size()); };
  while (admitted_ < requests_.size() && live() < max_live_) admit(team, admitted_++);
  if (scorer_ && rows_of(live()) <= max_rows_) return;
  max_rows_ = std::max(max_rows_, rows_of(live()));
  scorer_.emplace(*engine_->model, max_rows_, requests_.front().search->needs(),
                  engine_->pool.threads());
}

void DecodingSession::admit(const Team& team, std::size_t request) {
  const auto& [encoded, search] = requests_[request];
  const std::int64_t rows = search->rows();
  for (std::int64_t row = 0; row < rows; ++row) {
    team.check();
    state_.join(encoded->memory);
  }
  tokens_.insert(tokens_.end(), static_cast<std::size_t>(rows), kSos);
  live_.push_back(request);
}

void DecodingSession::choose(Team& team, RowScores* const* scores) {
  RowScores* const* own = scores;
  for (const std::size_t request : live_) {
    search(request).constrain(own, team.interrupt());
    own += search(request).rows();
  }
  scorer_->prepare(team);
  limit_drafts();
  parents_.clear();
  tokens_.clear();
  std::int32_t first = 0;
  std::size_t still_live = 0;
  for (const std::size_t request : live_) {
    const auto rows = static_cast<std::int32_t>(search(request).rows());
    search(request).advance(scores + first, chosen_parents_, chosen_tokens_, team.interrupt());
    for (const std::int32_t parent : chosen_parents_) {
      const bool is_draft = parent == Search::kDraftRow;
      parents_.push_back(is_draft ? DecodeState::kDraftRow : first + parent);
    }
    tokens_.insert(tokens_.end(), chosen_tokens_.begin(), chosen_tokens_.end());
    first += rows;
    if (search(request).rows() > 0) {
      live_[still_live++] = request;
    } else {
      ended_.push_back(request);
    }
  }
  live_.resize(still_live);
}

void DecodingSession::limit_drafts() {
  std::int64_t sequences = 0;
  for (const std::size_t request : live_) sequences += search(request).sequences();
  for (const std::size_t request : live_) {
    search(request).limit_drafts(kDraftedRows / sequences - 1);
  }
}

}  // namespace mime_fast
