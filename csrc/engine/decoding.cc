#include "engine/decoding.h"

#include <utility>

#include "search/beam.h"
#include "search/sampler.h"
#include "search/special.h"

namespace mime_fast {
namespace {

std::unique_ptr<Search> new_search(const GenerationOptions& options, std::uint64_t seed) {
  if (options.num_beams > 1) return std::make_unique<BeamSearch>(options);
  return std::make_unique<Sampler>(options, seed);
}

std::int64_t rows_each(const GenerationOptions& options) {
  return options.num_beams > 1 ? options.num_beams : options.num_return_sequences;
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
      state_(engine_->model.config(), first_memories(encoded_, options.checked()),
             static_cast<std::int64_t>(encoded_.size()) * rows_each(options),
             options.max_new_tokens),
      scorer_(engine_->model, static_cast<std::int64_t>(encoded_.size()) * rows_each(options),
              options.needs_scores()),
      tokens_(static_cast<std::size_t>(state_.rows()), kSos) {
  for (const std::uint64_t seed : seeds) searches_.push_back(new_search(options, seed));
}

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
  choose(scorer_.score(team, state_.hidden()));
  state_.select(kept_);
}

void Decoding::choose(RowScores* const* scores) {
  kept_.clear();
  tokens_.clear();
  std::int64_t first = 0;
  for (const auto& search : searches_) {
    const std::int64_t rows = search->rows();
    if (rows == 0) continue;
    search->advance(scores + first, parents_, chosen_);
    for (const std::int32_t parent : parents_) {
      kept_.push_back(static_cast<std::int32_t>(first) + parent);
    }
    tokens_.insert(tokens_.end(), chosen_.begin(), chosen_.end());
    first += rows;
  }
}

}  // namespace mime_fast
