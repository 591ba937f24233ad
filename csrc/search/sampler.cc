#include "search/sampler.h"

#include <algorithm>
#include <utility>

#include "sampling/rng.h"

namespace mime_fast {
namespace {

constexpr std::uint32_t kTokenStream = 1;

double token_uniform(std::uint64_t seed, std::size_t sequence, std::uint64_t number) {
  return RandomStream{seed, kTokenStream + static_cast<std::uint32_t>(sequence)}.uniform(number);
}

}  // namespace

Sampler::Sampler(const GenerationOptions& options, std::uint64_t seed, TokenIds blocked,
                 const DraftTable* drafts)
    : options_(options.checked()),
      seed_(seed),
      constraints_(options, std::move(blocked)),
      drafts_(drafts) {
  hypotheses_.resize(static_cast<std::size_t>(options.num_sequences()));
  for (Hypothesis& hypothesis : hypotheses_) {
    hypothesis.tokens.reserve(options.expected_tokens());
    hypothesis.log_probs.reserve(options.expected_tokens());
  }
  for (std::size_t sequence = 0; sequence < hypotheses_.size(); ++sequence) {
    live_.push_back({sequence, {}});
  }
}

std::int64_t Sampler::rows() const {
  std::size_t rows = live_.size();
  for (const Live& live : live_) rows += live.drafts.size();
  return static_cast<std::int64_t>(rows);
}

Needs Sampler::needs() const {
  Needs needs{1, options_.needs_scores()};
  if (options_.do_sample) needs = {0, options_.needs_scores(), options_.sampling()};
  return needs;
}

void Sampler::constrain(RowScores* const* scores, Interrupt* interrupt) {
  for (const Live& live : live_) {
    if (interrupt != nullptr) interrupt->check();
    const TokenIds& tokens = hypotheses_[live.sequence].tokens;
    generated_.assign(tokens.begin(), tokens.end());
    generated_.insert(generated_.end(), live.drafts.begin(), live.drafts.end());
    for (std::size_t length = tokens.size(); length <= generated_.size(); ++length) {
      RowScores& row = **scores++;
      row.constrain(constraints_.after(generated_.data(), length));
      if (options_.do_sample) row.set_uniform(token_uniform(seed_, live.sequence, length));
    }
  }
}

void Sampler::advance(const RowScores* const* scores, std::vector<std::int32_t>& parents,
                      TokenIds& tokens, Interrupt* interrupt) {
  parents.clear();
  tokens.clear();
  std::int32_t first = 0;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < live_.size(); ++i) {
    Live& live = live_[i];
    if (interrupt != nullptr) interrupt->check();
    const auto rows = static_cast<std::int32_t>(1 + live.drafts.size());
    std::int32_t row = first;
    const bool is_live = advance(live, scores, row);
    draft_count_.drafted += rows - 1;
    draft_count_.accepted += row - first;
    first += rows;
    if (!is_live) continue;
    parents.push_back(row);
    tokens.push_back(hypotheses_[live.sequence].tokens.back());
    propose(live);
    parents.insert(parents.end(), live.drafts.size(), kDraftRow);
    tokens.insert(tokens.end(), live.drafts.begin(), live.drafts.end());
    std::swap(live_[kept++], live);
  }
  live_.resize(kept);
}

bool Sampler::advance(const Live& live, const RowScores* const* scores, std::int32_t& row) {
  Hypothesis& hypothesis = hypotheses_[live.sequence];
  for (std::size_t draft = 0;; ++draft, ++row) {
    const RowScores& own = *scores[row];
    const TokenLogit chosen = choose(own);
    extend(hypothesis, own, chosen);
    const auto length = static_cast<std::int64_t>(hypothesis.tokens.size());
    if (chosen.id == kEos || length == options_.max_new_tokens) return false;
    if (options_.stops_after(hypothesis.tokens)) return false;
    if (draft == live.drafts.size() || chosen.id != live.drafts[draft]) return true;
  }
}

void Sampler::propose(Live& live) const {
  live.drafts.clear();
  if (drafts_ == nullptr) return;
  const TokenIds& tokens = hypotheses_[live.sequence].tokens;
  // No row is decoded behind the last token.
  const std::int64_t room = options_.max_new_tokens - static_cast<std::int64_t>(tokens.size()) - 1;
  const std::int64_t count = std::min(max_drafts_, room);
  if (count > 0) drafts_->propose(tokens, static_cast<std::size_t>(count), live.drafts);
}

TokenLogit Sampler::choose(const RowScores& scores) const {
  return options_.do_sample ? scores.drawn() : scores.best().front();
}

void Sampler::extend(Hypothesis& hypothesis, const RowScores& scores,
                     const TokenLogit& chosen) const {
  // Where no scores are needed, the log-probability is 0.
  LogPartition log_partition{double{chosen.logit}, 0};
  if (options_.needs_scores()) log_partition = scores.log_partition();
  const double log_prob = double{chosen.logit} - log_partition.value;
  hypothesis.tokens.push_back(chosen.id);
  hypothesis.log_probs.push_back(log_prob);
  hypothesis.log_prob += log_prob;
}

}  // namespace mime_fast
