// A search whose state lies on a device finds what the CPU's search finds. One thread runs its code
// over a language of few words, in which the words so far determine the next one.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>

#include "check.h"
#include "device_states.h"
#include "random_floats.h"
#include "search/beam.h"
#include "search/device_search.h"
#include "search/sampler.h"

namespace mime_fast::test {
namespace {

// What the CPU's search reads.
class LanguageScores final : public RowScores {
 public:
  explicit LanguageScores(std::vector<float> logits) : logits_(std::move(logits)) {}
  void constrain(const Constraint&) override {}
  void prepare(const Needs& needs) override {
    const auto vocab = static_cast<std::int64_t>(logits_.size());
    log_partition_ = {double{log_partition_of(logits_)}, 0};
    std::vector<TokenLogit> all;
    gather_best(logits_.data(), vocab, vocab, all);
    std::sort(all.begin(), all.end(), ranks_before);
    for (const TokenLogit& token : all) {
      const bool wanted = static_cast<std::int64_t>(best_.size()) < needs.best;
      if (wanted && token.logit > -kInfinity) best_.push_back(token);
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
void advance(Search& search, const Language& language, std::vector<TokenIds>& generated,
             std::vector<std::int32_t>& parents) {
  std::vector<LanguageScores> scores;
  for (const TokenIds& words : generated) scores.emplace_back(language.logits(words));
  std::vector<RowScores*> rows;
  for (LanguageScores& row : scores) rows.push_back(&row);
  search.constrain(rows.data());
  for (RowScores* row : rows) row->prepare(search.needs());
  TokenIds tokens;
  search.advance(rows.data(), parents, tokens);
  std::vector<TokenIds> next;
  for (std::size_t i = 0; i < parents.size(); ++i) {
    next.push_back(generated[static_cast<std::size_t>(parents[i])]);
    next.back().push_back(tokens[i]);
  }
  generated = next;
}

void check_beams(Random& random) {
  const GenerationOptions options = random_beams(random);
  const std::int64_t width = options.num_beams;
  constexpr std::int64_t kRequests = 3;
  const std::int64_t steps = options.max_new_tokens + random.integer(0, 70);
  BeamState state(options, kRequests, steps);

  std::vector<BeamSearch> searches(kRequests, BeamSearch(options, true, {}));
  std::vector<Language> languages;
  for (int i = 0; i < kRequests; ++i) {
    languages.push_back({random.integer(3, 30), std::uint64_t(random.integer(0, 1 << 30)),
                         options.min_new_tokens, random.one_in(3)});
  }
  std::vector<std::vector<TokenIds>> generated(kRequests, {{}});
  std::vector<std::vector<std::vector<std::int32_t>>> columns(kRequests, {{}});
  for (std::int64_t step = 0; step < options.max_new_tokens; ++step) {
    state.decode(languages, step);
    cpu::beam_step(state.rows());
    for (std::size_t request = 0; request < kRequests; ++request) {
      if (generated[request].empty()) continue;
      std::vector<std::int32_t> chosen;
      for (std::size_t row = 0; row < columns[request].size(); ++row) {
        columns[request][row].push_back(static_cast<std::int32_t>(request) *
                                            static_cast<std::int32_t>(width) +
                                        static_cast<std::int32_t>(row));
      }
      advance(searches[request], languages[request], generated[request], chosen);
      std::vector<std::vector<std::int32_t>> next;
      for (const std::int32_t parent : chosen) {
        next.push_back(columns[request][std::size_t(parent)]);
      }
      columns[request] = next;
      CHECK(state.counts[request * 3] == static_cast<std::int32_t>(generated[request].size()));
      for (std::size_t live = 0; live < generated[request].size(); ++live) {
        const std::int64_t row =
            static_cast<std::int64_t>(request) * width + static_cast<std::int64_t>(live);
        CHECK(state.replies.words(row) == generated[request][live]);
        const auto* own = state.kv_positions.data() + row * steps;
        CHECK(std::equal(next[live].begin(), next[live].end(), own));
      }
    }
  }
  for (std::size_t request = 0; request < kRequests; ++request) {
    CHECK(state.counts[request * 3] == 0);
    const std::vector<Hypothesis> expected = searches[request].results();
    CHECK(state.counts[request * 3 + 2] == static_cast<std::int32_t>(expected.size()));
    for (std::size_t rank = 0; rank < expected.size(); ++rank) {
      const std::size_t first = request * std::size_t(state.tree);
      TokenIds tokens;
      std::vector<double> shares;
      for (std::int32_t node = state.finished[request * std::size_t(width) + rank]; node != 0;
           node = state.parents[first + std::size_t(node)]) {
        tokens.insert(tokens.begin(), state.words[first + std::size_t(node)]);
        shares.insert(shares.begin(), state.log_probs[first + std::size_t(node)]);
      }
      CHECK(tokens == expected[rank].tokens);
      CHECK(shares == expected[rank].log_probs);
    }
  }
}

void check_sampling(Random& random) {
  const GenerationOptions options = random_sampling(random);
  const auto seed = static_cast<std::uint64_t>(random.integer(0, std::int64_t{1} << 62));
  const Language language{random.integer(3, 300), seed, options.min_new_tokens, random.one_in(3)};
  const std::int64_t count = options.num_return_sequences;
  const std::int64_t steps = options.max_new_tokens + 2;
  SampleState state(options, language.vocab, steps, seed);
  for (std::int64_t step = 0; step < steps; ++step) {
    state.decode(language);
    cpu::sample_step(state.rows());
  }

  Sampler sampler(options, seed, {});
  std::vector<TokenIds> generated(std::size_t(count), TokenIds{});
  std::vector<std::int32_t> parents;
  while (sampler.rows() > 0) advance(sampler, language, generated, parents);
  const std::vector<Hypothesis> expected = sampler.results();
  for (std::int64_t row = 0; row < count; ++row) {
    const Hypothesis& reply = expected[std::size_t(row)];
    CHECK(state.replies.words(row) == reply.tokens);
    for (std::size_t i = 0; i < reply.log_probs.size(); ++i) {
      const double found = double{state.log_probs[std::size_t(row * steps) + i]};
      CHECK(std::abs(found - reply.log_probs[i]) < 1e-5);
    }
  }
}

// Drafts change nothing but the number of steps. The words are those of greedy decoding. Every
// position is read from a column that was decoded after the same words.
void check_drafts(Random& random, std::int64_t& words, std::int64_t& decoded_steps) {
  GenerationOptions options = random_options(random);
  options.max_new_tokens += random.integer(0, 30);
  std::vector<Language> languages;
  for (std::int64_t i = random.integer(1, 4); i > 0; --i) {
    languages.push_back({random.integer(3, 30), std::uint64_t(random.integer(0, 1 << 30)),
                         options.min_new_tokens + random.integer(0, 12), random.one_in(3)});
  }
  const std::int64_t steps = options.max_new_tokens + random.integer(0, 5);
  DraftState state(random, options, languages, steps);
  constexpr std::int64_t kWidth = DraftState::kWidth;
  // What each column had been given when it decoded a position.
  std::vector<TokenIds> given(std::size_t(state.replies.rows * steps));
  for (bool active = true; active;) {
    active = false;
    for (std::int64_t row = 0; row < state.replies.rows; ++row) {
      if (!state.replies.view().is_active(row)) continue;
      active = true;
      const TokenIds generated = state.replies.words(row);
      state.decode(row, languages[std::size_t(row / kWidth)]);
      const std::int64_t position = static_cast<std::int64_t>(generated.size());
      given[std::size_t(position * state.replies.rows + row)] = generated;
      for (std::int64_t at = 0; at <= position; ++at) {
        const std::int32_t column = state.kv_positions[std::size_t(row * steps + at)];
        const TokenIds& was = given[std::size_t(at * state.replies.rows + column)];
        CHECK(was == TokenIds(generated.begin(), generated.begin() + at));
      }
    }
    cpu::draft_step(state.rows());
    ++decoded_steps;
  }
  for (std::size_t group = 0; group < languages.size(); ++group) {
    TokenIds expected;
    std::vector<float> log_probs;
    for (std::int32_t word = 0; word >= 0;) {
      word = next_word(languages[group], expected, options.max_new_tokens);
      if (word < 0) continue;
      const std::vector<float> logits = languages[group].logits(expected);
      log_probs.push_back(std::min(logits[std::size_t(word)] - log_partition_of(logits), 0.0F));
      expected.push_back(word);
    }
    const auto row = static_cast<std::int64_t>(group) * kWidth;
    CHECK(state.replies.words(row) == expected);
    const float* found = state.log_probs.data() + row * steps;
    CHECK(std::equal(log_probs.begin(), log_probs.end(), found));
    words += static_cast<std::int64_t>(expected.size());
  }
}

// Threads add to one integer of 64 bits by halves of 32, as those of a block do.
void check_halves(Random& random) {
  constexpr int kThreads = 4, kValues = 2000;
  std::vector<std::uint64_t> values(kThreads * kValues);
  std::uint64_t expected = 0;
  for (std::uint64_t& value : values) {
    value = static_cast<std::uint64_t>(random.integer(0, std::int64_t{1} << 50));
    if (random.one_in(3)) value |= 0xFFFFFFFFU;  // which carries
    expected += value;
  }
  std::atomic<std::uint32_t> halves[2] = {};
  const auto add = [&](std::uint32_t& half, std::uint32_t value) {
    return reinterpret_cast<std::atomic<std::uint32_t>&>(half).fetch_add(value);
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = t * kValues; i < (t + 1) * kValues; ++i) {
        add_halves(reinterpret_cast<std::uint32_t*>(halves), values[static_cast<std::size_t>(i)],
                   add);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK((std::uint64_t{halves[1]} << 32 | halves[0]) == expected);
}

}  // namespace
}  // namespace mime_fast::test

int main() {
  constexpr int kCases = mime_fast::test::cases(1500);
  mime_fast::test::Random random(11);
  for (int i = 0; i < 20; ++i) mime_fast::test::check_halves(random);
  for (int i = 0; i < kCases; ++i) mime_fast::test::check_beams(random);
  for (int i = 0; i < kCases; ++i) mime_fast::test::check_sampling(random);
  std::int64_t words = 0;
  std::int64_t steps = 0;
  for (int i = 0; i < kCases; ++i) mime_fast::test::check_drafts(random, words, steps);
  CHECK(words > 3 * steps);  // drafts are kept
  return mime_fast::test::status();
}
