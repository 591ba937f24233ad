#include "search/sampler.h"

#include <numeric>
#include <utility>

#include "sampling/draw.h"
#include "sampling/rng.h"
#include "sampling/row_scan.h"

namespace mime_fast {
namespace {

constexpr std::uint32_t kTokenStream = 1;

// A screened row computes its candidates one by one: for more than these all logits are asked for.
constexpr std::int64_t kMaxRanked = 256;

double token_uniform(std::uint64_t seed, std::size_t sequence, std::int64_t step) {
  const RandomStream stream{seed, kTokenStream + static_cast<std::uint32_t>(sequence)};
  const auto number = static_cast<std::uint64_t>(step);
  return stream.uniform_pair(number / 2)[number % 2];
}

}  // namespace

Sampler::Sampler(const GenerationOptions& options, std::uint64_t seed, TokenIds blocked)
    : options_(options.checked()), seed_(seed), constraints_(options, std::move(blocked)) {
  hypotheses_.resize(static_cast<std::size_t>(options.num_return_sequences));
  for (Hypothesis& hypothesis : hypotheses_) {
    hypothesis.tokens.reserve(options.expected_tokens());
    hypothesis.log_probs.reserve(options.expected_tokens());
  }
  live_.resize(hypotheses_.size());
  std::iota(live_.begin(), live_.end(), std::size_t{0});
}

void Sampler::advance(RowScores* const* scores, std::vector<std::int32_t>& parents,
                      TokenIds& tokens) {
  parents.clear();
  tokens.clear();
  const bool last = ++steps_ == options_.max_new_tokens;
  std::size_t kept = 0;
  for (std::size_t row = 0; row < live_.size(); ++row) {
    const std::size_t sequence = live_[row];
    const Candidate chosen = choose(*scores[row], sequence);
    extend(hypotheses_[sequence], *scores[row], chosen);
    if (chosen.id == kEos || last) continue;
    parents.push_back(static_cast<std::int32_t>(row));
    tokens.push_back(chosen.id);
    live_[kept++] = sequence;
  }
  live_.resize(kept);
}

Candidate Sampler::choose(RowScores& scores, std::size_t sequence) {
  const TokenIds& said = hypotheses_[sequence].tokens;
  scores.constrain(constraints_.after(said.data(), said.size()));
  if (options_.do_sample) return sample(scores, token_uniform(seed_, sequence, steps_ - 1));
  scores.best(1, candidates_);
  return candidates_.front();
}

Candidate Sampler::sample(RowScores& scores, double uniform) {
  const SamplingOptions options = options_.sampling();
  if (options.top_k == 0 || options.top_k > kMaxRanked) {
    const float* row = scores.logits();
    const float max = scan_row(row, scores.vocab()).max;
    return draw_from_row(row, scores.vocab(), max, uniform, options, candidates_);
  }
  scores.best(options.top_k, candidates_);
  const float max = candidates_.front().logit;
  sort_by_id(candidates_);
  return draw_candidate(candidates_, max, uniform, options);
}

void Sampler::extend(Hypothesis& hypothesis, RowScores& scores, const Candidate& chosen) const {
  Normaliser normaliser{double{chosen.logit}, 0};  // a log-probability of 0 where none is needed
  if (options_.needs_scores()) normaliser = scores.log_normaliser();
  const double log_prob = double{chosen.logit} - normaliser.value;
  hypothesis.tokens.push_back(chosen.id);
  hypothesis.log_probs.push_back(log_prob);
  hypothesis.log_prob += log_prob;
  hypothesis.uncertainty += normaliser.error;
}

}  // namespace mime_fast
