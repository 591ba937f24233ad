// A search whose state lies on a device finds what the CPU's search finds: its code, run by one
// thread, over a language of few words in which what was said decides what comes next.

#include <algorithm>
#include <cmath>

#include "check.h"
#include "random_floats.h"
#include "search/beam.h"
#include "search/device_search.h"
#include "search/sampler.h"

namespace mime_fast::test {
namespace {

constexpr float kInfinity32 = kInfinity;

// The constrained logits of the word after these.
struct Language {
  std::int64_t vocab;
  std::uint64_t seed;
  std::int64_t min_new_tokens;
  bool ties;

  std::vector<float> logits(const TokenIds& said) const {
    std::uint64_t hash = seed;
    for (const std::int32_t word : said)
      hash = hash * 0x9E3779B97F4A7C15U + 1 + std::uint64_t(word);
    Random random(hash);
    std::vector<float> logits(static_cast<std::size_t>(vocab));
    for (float& logit : logits) {
      logit = random.one_in(4) ? -kInfinity32 : random.value(ties ? Kind::ties : Kind::normal);
      if (ties && std::abs(logit) > 2) logit = 1;
    }
    logits[kEos] += 0.5F;
    if (static_cast<std::int64_t>(said.size()) < min_new_tokens) logits[kEos] = -kInfinity32;
    const bool ends = std::all_of(logits.begin(), logits.end(),
                                  [](float logit) { return logit == -kInfinity32; });
    if (ends) logits[kEos] = 0;
    return logits;
  }
};

float normaliser_of(const std::vector<float>& logits) {
  const double max = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - max);
  return static_cast<float>(max + std::log(sum));
}

// What the CPU's search reads.
class LanguageScores final : public RowScores {
 public:
  explicit LanguageScores(std::vector<float> logits) : logits_(std::move(logits)) {}
  void constrain(const Constraint&) override {}
  void prepare(const Needs& needs) override {
    const auto vocab = static_cast<std::int64_t>(logits_.size());
    normaliser_ = {double{normaliser_of(logits_)}, 0};
    std::vector<Candidate> all;
    gather_best(logits_.data(), vocab, vocab, all);
    std::sort(all.begin(), all.end(), ranks_before);
    for (const Candidate& candidate : all) {
      const bool wanted = static_cast<std::int64_t>(best_.size()) < needs.best;
      if (wanted && candidate.logit > -kInfinity32) best_.push_back(candidate);
    }
    if (!needs.draw) return;
    std::int64_t id = 0;
    select_tokens({logits_.data(), 1, vocab}, &uniform_, *needs.draw, &id);
    drawn_ = {logits_[static_cast<std::size_t>(id)], static_cast<std::int32_t>(id)};
  }

 private:
  std::vector<float> logits_;
};

// One step of the CPU's search; each row's words go on.
void advance(Search& search, const Language& language, std::vector<TokenIds>& said,
             std::vector<std::int32_t>& parents) {
  std::vector<LanguageScores> scores;
  for (const TokenIds& words : said) scores.emplace_back(language.logits(words));
  std::vector<RowScores*> rows;
  for (LanguageScores& row : scores) rows.push_back(&row);
  search.constrain(rows.data());
  for (RowScores* row : rows) row->prepare(search.needs());
  TokenIds tokens;
  search.advance(rows.data(), parents, tokens);
  std::vector<TokenIds> next;
  for (std::size_t i = 0; i < parents.size(); ++i) {
    next.push_back(said[static_cast<std::size_t>(parents[i])]);
    next.back().push_back(tokens[i]);
  }
  said = next;
}

// The buffers of rows, as mime_fast/engines/cuda_search.py makes them.
struct Replies {
  std::int64_t rows;
  std::int64_t steps;
  std::vector<std::int32_t> said, positions, limits, best_words;
  std::vector<float> best_logits, normalisers;
  std::int64_t kept;

  Replies(std::int64_t rows_in, std::int64_t steps_in, std::int64_t most, std::int64_t kept_in)
      : rows(rows_in), steps(steps_in), kept(kept_in) {
    said.assign(std::size_t(rows * (steps + 1)), kEos);
    positions.assign(std::size_t(rows), 0);
    limits.assign(std::size_t(rows * 3), static_cast<std::int32_t>(most));
    best_words.assign(std::size_t(rows * kept), -1);
    best_logits.assign(std::size_t(rows * kept), std::nanf(""));
    normalisers.assign(std::size_t(rows), std::nanf(""));
  }

  DeviceReplies view() { return {said.data(), positions.data(), limits.data(), rows, steps}; }
  DeviceBest best() const {
    return {best_words.data(), best_logits.data(), normalisers.data(), kept};
  }

  TokenIds words(std::int64_t row) {
    const std::int32_t* first = view().words(row) + 1;
    return {first, first + positions[std::size_t(row)]};
  }

  // What the projection finds out about a row that is active.
  std::vector<float> project(std::int64_t row, const Language& language) {
    const std::vector<float> logits = language.logits(words(row));
    std::vector<Candidate> all;
    gather_best(logits.data(), language.vocab, language.vocab, all);
    std::sort(all.begin(), all.end(), ranks_before);
    for (std::int64_t rank = 0; rank < kept; ++rank) {
      const bool real = rank < language.vocab && all[std::size_t(rank)].logit > -kInfinity32;
      best_words[std::size_t(row * kept + rank)] = real ? all[std::size_t(rank)].id : kEos;
      best_logits[std::size_t(row * kept + rank)] =
          real ? all[std::size_t(rank)].logit : -kInfinity32;
    }
    normalisers[std::size_t(row)] = normaliser_of(logits);
    return logits;
  }
};

GenerationOptions random_options(Random& random) {
  GenerationOptions options;
  options.max_new_tokens = random.integer(1, 9);
  options.min_new_tokens = random.integer(0, std::min<std::int64_t>(3, options.max_new_tokens));
  return options;
}

void check_beams(Random& random) {
  GenerationOptions options = random_options(random);
  const std::int64_t width = random.one_in(4) ? kMostBeams : random.integer(2, 6);
  options.num_beams = width;
  options.num_return_sequences = width;
  options.early_stopping = random.one_in(2);
  options.length_penalty = random.pick(std::vector<double>{0, 1, 0.5, -1, 3});
  constexpr std::int64_t kRequests = 3;
  const std::int64_t steps = options.max_new_tokens + random.integer(0, 70);
  Replies replies(kRequests * width, steps, options.max_new_tokens, 2 * width);
  const std::int64_t tree = 1 + 2 * width * steps;
  std::vector<std::int32_t> slots(std::size_t(kRequests * width * steps), -7);
  std::vector<std::int32_t> counts, nodes(std::size_t(kRequests * width), -1);
  std::vector<double> totals(std::size_t(kRequests * width), std::nan("")), request_options;
  std::vector<std::int32_t> parents(std::size_t(kRequests * tree)), words(parents.size());
  std::vector<double> log_probs(parents.size()), scores(std::size_t(kRequests * width));
  std::vector<std::int32_t> finished(std::size_t(kRequests * width));
  for (std::int64_t request = 0; request < kRequests; ++request) {
    const auto first = std::size_t(request * width);
    replies.said[first * std::size_t(steps + 1)] = kSos;
    nodes[first] = 0;
    totals[first] = 0;
    counts.insert(counts.end(), {1, 1, 0});
    request_options.insert(request_options.end(),
                           {options.length_penalty, double(options.early_stopping)});
  }
  const BeamRows rows{replies.view(),  replies.best(), slots.data(),
                      counts.data(),   nodes.data(),   totals.data(),
                      parents.data(),  words.data(),   log_probs.data(),
                      finished.data(), scores.data(),  request_options.data(),
                      kRequests,       width,          tree};

  std::vector<BeamSearch> searches(kRequests, BeamSearch(options, true, {}));
  std::vector<Language> languages;
  for (int i = 0; i < kRequests; ++i) {
    languages.push_back({random.integer(3, 30), std::uint64_t(random.integer(0, 1 << 30)),
                         options.min_new_tokens, random.one_in(3)});
  }
  std::vector<std::vector<TokenIds>> said(kRequests, {{}});
  std::vector<std::vector<std::vector<std::int32_t>>> columns(kRequests, {{}});
  for (std::int64_t step = 0; step < options.max_new_tokens; ++step) {
    for (std::int64_t row = 0; row < replies.rows; ++row) {
      if (!replies.view().is_active(row)) continue;
      replies.project(row, languages[std::size_t(row / width)]);
      slots[std::size_t(row * steps + step)] = static_cast<std::int32_t>(row);
    }
    cpu::beam_step(rows);
    for (std::size_t request = 0; request < kRequests; ++request) {
      if (said[request].empty()) continue;
      std::vector<std::int32_t> chosen;
      for (std::size_t row = 0; row < columns[request].size(); ++row) {
        columns[request][row].push_back(static_cast<std::int32_t>(request) *
                                            static_cast<std::int32_t>(width) +
                                        static_cast<std::int32_t>(row));
      }
      advance(searches[request], languages[request], said[request], chosen);
      std::vector<std::vector<std::int32_t>> next;
      for (const std::int32_t parent : chosen) {
        next.push_back(columns[request][std::size_t(parent)]);
      }
      columns[request] = next;
      CHECK(counts[request * 3] == static_cast<std::int32_t>(said[request].size()));
      for (std::size_t live = 0; live < said[request].size(); ++live) {
        const std::int64_t row =
            static_cast<std::int64_t>(request) * width + static_cast<std::int64_t>(live);
        CHECK(replies.words(row) == said[request][live]);
        const auto* own = slots.data() + row * steps;
        CHECK(std::equal(next[live].begin(), next[live].end(), own));
      }
    }
  }
  for (std::size_t request = 0; request < kRequests; ++request) {
    CHECK(counts[request * 3] == 0);
    const std::vector<Hypothesis> expected = searches[request].results();
    CHECK(counts[request * 3 + 2] == static_cast<std::int32_t>(expected.size()));
    for (std::size_t rank = 0; rank < expected.size(); ++rank) {
      const std::size_t first = request * std::size_t(tree);
      TokenIds tokens;
      std::vector<double> shares;
      for (std::int32_t node = finished[request * std::size_t(width) + rank]; node != 0;
           node = parents[first + std::size_t(node)]) {
        tokens.insert(tokens.begin(), words[first + std::size_t(node)]);
        shares.insert(shares.begin(), log_probs[first + std::size_t(node)]);
      }
      CHECK(tokens == expected[rank].tokens);
      CHECK(shares == expected[rank].log_probs);
    }
  }
}

void check_sampling(Random& random) {
  GenerationOptions options = random_options(random);
  options.do_sample = true;
  options.return_scores = true;
  options.num_return_sequences = random.integer(1, 4);
  options.temperature = random.pick(std::vector<double>{1, 0.3, 4});
  options.top_k = random.one_in(2) ? random.integer(1, 9) : 0;
  options.top_p = random.one_in(2) ? 1 : 0.8;
  options.min_p = random.one_in(3) ? 0.2 : 0;
  const auto seed = static_cast<std::uint64_t>(random.integer(0, std::int64_t{1} << 62));
  const Language language{random.integer(3, 300), seed, options.min_new_tokens, random.one_in(3)};
  const std::int64_t count = options.num_return_sequences;
  const std::int64_t steps = options.max_new_tokens + 2;
  Replies replies(count, steps, options.max_new_tokens, 1);
  std::vector<float> logits(std::size_t(count * language.vocab));
  std::vector<float> log_probs(std::size_t(count * steps));
  std::vector<double> choices;
  std::vector<std::int32_t> streams;
  const std::vector<std::uint64_t> seeds(std::size_t(count), seed);
  for (std::int32_t row = 0; row < count; ++row) {
    replies.said[std::size_t(row * (steps + 1))] = kSos;
    streams.push_back(1 + row);
    choices.insert(choices.end(),
                   {options.temperature, double(options.top_k), options.top_p, options.min_p});
  }
  const SampleRows rows{replies.view(), replies.best(), logits.data(),    choices.data(),
                        seeds.data(),   streams.data(), log_probs.data(), language.vocab};
  for (std::int64_t step = 0; step < steps; ++step) {
    for (std::int64_t row = 0; row < count; ++row) {
      if (!replies.view().is_active(row)) continue;
      const std::vector<float> own = replies.project(row, language);
      std::copy(own.begin(), own.end(), logits.begin() + row * language.vocab);
    }
    cpu::sample_step(rows);
  }

  Sampler sampler(options, seed, {});
  std::vector<TokenIds> said(std::size_t(count), TokenIds{});
  std::vector<std::int32_t> parents;
  while (sampler.rows() > 0) advance(sampler, language, said, parents);
  const std::vector<Hypothesis> expected = sampler.results();
  for (std::int64_t row = 0; row < count; ++row) {
    const Hypothesis& reply = expected[std::size_t(row)];
    CHECK(replies.words(row) == reply.tokens);
    for (std::size_t i = 0; i < reply.log_probs.size(); ++i) {
      const double found = double{log_probs[std::size_t(row * steps) + i]};
      CHECK(std::abs(found - reply.log_probs[i]) < 1e-5);
    }
  }
}

}  // namespace
}  // namespace mime_fast::test

int main() {
  mime_fast::test::Random random(11);
  for (int i = 0; i < 1500; ++i) mime_fast::test::check_beams(random);
  for (int i = 0; i < 1500; ++i) mime_fast::test::check_sampling(random);
  return mime_fast::test::status();
}
