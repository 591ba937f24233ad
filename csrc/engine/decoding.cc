#include "engine/decoding.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "search/beam.h"
#include "search/sampler.h"
#include "search/special.h"

namespace mime_fast {
namespace {

using Searches = std::vector<std::unique_ptr<Search>>;

// Rows of a step that drafts may fill up: the screening takes six in one pass.
constexpr std::int64_t kDraftedRows = 6;

// Drafts pay where a step waits for memory and words are easy to guess: greedy, one digit a row.
bool are_drafts_worth_it(const GenerationOptions& options) {
  return options.speculation && !options.do_sample && !options.needs_scores();
}

Searches new_searches(const Engine& engine, const GenerationOptions& options,
                      const std::vector<std::uint64_t>& seeds) {
  const DraftTable* drafts =
      are_drafts_worth_it(options) && !engine.drafts.empty() ? &engine.drafts : nullptr;
  Searches searches;
  for (const std::uint64_t seed : seeds) {
    if (options.num_beams > 1) {
      searches.push_back(std::make_unique<BeamSearch>(options));
    } else {
      searches.push_back(std::make_unique<Sampler>(options, seed, never_generated(), drafts));
    }
  }
  return searches;
}

// The decoder has no position behind the last.
const GenerationOptions& that_fit(const GenerationOptions& options, const ModelConfig& config) {
  if (options.max_new_tokens <= config.max_positions) return options;
  throw std::invalid_argument(
      "max_new_tokens must be at most max_positions = " + std::to_string(config.max_positions) +
      ", got " + std::to_string(options.max_new_tokens));
}

std::int64_t max_rows(std::size_t requests, const GenerationOptions& options) {
  const std::int64_t each =
      options.num_beams > 1 ? options.num_beams : options.num_return_sequences;
  return std::max(static_cast<std::int64_t>(requests) * each, kDraftedRows);
}

// Every search starts with its rows at the start of its reply: one for a beam, one a sequence else.
std::vector<const Memory*> first_memories(
    const std::vector<std::shared_ptr<const Encoded>>& encoded, const GenerationOptions& options) {
  const std::int64_t rows = options.num_beams > 1 ? 1 : options.num_return_sequences;
  std::vector<const Memory*> memories;
  for (const auto& request : encoded) {
    memories.insert(memories.end(), static_cast<std::size_t>(rows), &request->memory);
  }
  return memories;
}

}  // namespace

Decoding::Decoding(std::shared_ptr<Engine> engine,
                   std::vector<std::shared_ptr<const Encoded>> encoded,
                   const GenerationOptions& options, const std::vector<std::uint64_t>& seeds)
    : engine_(std::move(engine)),
      encoded_(std::move(encoded)),
      searches_(new_searches(*engine_, that_fit(options, engine_->model.config()), seeds)),
      state_(engine_->model.config(), first_memories(encoded_, options),
             max_rows(encoded_.size(), options), options.max_new_tokens),
      scorer_(engine_->model, max_rows(encoded_.size(), options),
              searches_.empty() ? Needs{} : searches_.front()->needs(), engine_->pool.threads()),
      tokens_(static_cast<std::size_t>(state_.rows()), kSos) {}

bool Decoding::advance() {
  if (tokens_.empty()) return false;
  Team team(engine_->pool);
  step(team);
  return true;
}

void Decoding::run() {
  if (tokens_.empty()) return;
  Team team(engine_->pool);
  while (!tokens_.empty()) step(team);
}

void Decoding::step(Team& team) {
  engine_->model.step(team, tokens_.data(), state_);
  choose(team, scorer_.score(team, state_.hidden()));
  state_.select(kept_);
  ++steps_;
}

void Decoding::choose(Team& team, RowScores* const* scores) {
  RowScores* const* own = scores;
  for (const auto& search : searches_) {
    search->constrain(own);
    own += search->rows();
  }
  scorer_.prepare(team);
  limit_drafts();
  kept_.clear();
  tokens_.clear();
  std::int32_t first = 0;
  for (const auto& search : searches_) {
    const auto rows = static_cast<std::int32_t>(search->rows());
    if (rows == 0) continue;
    search->advance(scores + first, parents_, chosen_);
    for (const std::int32_t parent : parents_) {
      kept_.push_back(parent == Search::kRowBefore ? parent : first + parent);
    }
    tokens_.insert(tokens_.end(), chosen_.begin(), chosen_.end());
    first += rows;
  }
}

void Decoding::limit_drafts() {
  std::int64_t sequences = 0;
  for (const auto& search : searches_) sequences += search->sequences();
  const std::int64_t most = sequences == 0 ? 0 : kDraftedRows / sequences - 1;
  for (const auto& search : searches_) search->limit_drafts(most);
}

}  // namespace mime_fast
