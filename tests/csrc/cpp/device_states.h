#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "random_floats.h"
#include "sampling/token_logit.h"
#include "search/device_search.h"
#include "search/draft_table.h"
#include "search/options.h"

// States of searches as a device has them, and a language of few words to search in, in which the
// words so far determine the next one.
namespace mime_fast::test {

// The constrained logits of the word after these.
struct Language {
  std::int64_t vocab;
  std::uint64_t seed;
  std::int64_t min_new_tokens;
  bool ties;
  std::int64_t blocked = 4;  // one word in so many; 1: all
  std::int64_t only = -1;    // the one word that is not blocked

  std::vector<float> logits(const TokenIds& generated) const {
    std::uint64_t hash = seed;
    for (const std::int32_t word : generated)
      hash = hash * 0x9E3779B97F4A7C15U + 1 + std::uint64_t(word);
    Random random(hash);
    std::vector<float> logits(static_cast<std::size_t>(vocab));
    for (float& logit : logits) {
      const float drawn = random.value(ties ? Kind::ties : Kind::normal);
      logit = random.one_in(blocked) ? -kInfinity : drawn;
      if (ties && std::abs(logit) > 2) logit = 1;
    }
    if (only >= 0) std::fill(logits.begin(), logits.end(), -kInfinity);
    if (only >= 0) logits[std::size_t(only)] = 0.25F;
    logits[kEos] += 0.5F;
    if (static_cast<std::int64_t>(generated.size()) < min_new_tokens) logits[kEos] = -kInfinity;
    const bool ends =
        std::all_of(logits.begin(), logits.end(), [](float logit) { return logit == -kInfinity; });
    if (ends) logits[kEos] = 0;
    return logits;
  }
};

inline float log_partition_of(const std::vector<float>& logits) {
  const double max = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - max);
  return static_cast<float>(max + std::log(sum));
}

// Where a buffer lies: here, or as a copy on a GPU.
struct OnHost {
  template <typename T>
  T* operator()(std::vector<T>& values) const {
    return values.data();
  }
};

// The buffers of rows, as mime_fast/engines/cuda/batch.py makes them.
struct Replies {
  std::int64_t rows;
  std::int64_t steps;
  std::vector<std::int32_t> generated, positions, limits, best_words;
  std::vector<float> best_logits, log_partitions;
  std::int64_t kept;

  Replies(std::int64_t rows_in, std::int64_t steps_in, std::int64_t most, std::int64_t kept_in)
      : rows(rows_in), steps(steps_in), kept(kept_in) {
    generated.assign(std::size_t(rows * (steps + 1)), kEos);
    positions.assign(std::size_t(rows), 0);
    limits.assign(std::size_t(rows * 3), static_cast<std::int32_t>(most));
    best_words.assign(std::size_t(rows * kept), kEos);
    best_logits.assign(std::size_t(rows * kept), std::nanf(""));
    log_partitions.assign(std::size_t(rows), std::nanf(""));
  }

  template <typename Location = OnHost>
  DeviceReplies view(const Location& at = {}) {
    return {.generated = at(generated),
            .positions = at(positions),
            .limits = at(limits),
            .rows = rows,
            .steps = steps};
  }
  template <typename Location = OnHost>
  DeviceBest best(const Location& at = {}) {
    return {.words = at(best_words),
            .logits = at(best_logits),
            .log_partitions = at(log_partitions),
            .kept = kept};
  }

  template <typename Visit>
  void each(const Visit& visit) {
    visit("generated", generated);
    visit("positions", positions);
    visit("limits", limits);
    visit("best_words", best_words);
    visit("best_logits", best_logits);
    visit("log_partitions", log_partitions);
  }

  TokenIds words(std::int64_t row) {
    const std::int32_t* first = view().words(row) + 1;
    return {first, first + positions[std::size_t(row)]};
  }

  // What the projection finds out about a row that is active.
  std::vector<float> project(std::int64_t row, const Language& language) {
    const std::vector<float> logits = language.logits(words(row));
    std::vector<TokenLogit> all;
    gather_best(logits.data(), language.vocab, language.vocab, all);
    std::sort(all.begin(), all.end(), ranks_before);
    for (std::int64_t rank = 0; rank < kept; ++rank) {
      const bool real = rank < language.vocab && all[std::size_t(rank)].logit > -kInfinity;
      best_words[std::size_t(row * kept + rank)] = real ? all[std::size_t(rank)].id : kEos;
      best_logits[std::size_t(row * kept + rank)] =
          real ? all[std::size_t(rank)].logit : -kInfinity;
    }
    log_partitions[std::size_t(row)] = log_partition_of(logits);
    return logits;
  }
};

// Beams of some requests before their first step.
struct BeamState {
  std::int64_t requests, width, tree;
  Replies replies;
  std::vector<std::int32_t> kv_positions, counts, nodes, parents, words, finished;
  std::vector<double> totals, log_probs, scores, options;

  BeamState(const GenerationOptions& chosen, std::int64_t requests_in, std::int64_t steps)
      : requests(requests_in),
        width(chosen.num_beams),
        tree(1 + 2 * width * steps),
        replies(requests * width, steps, chosen.max_new_tokens, 2 * width) {
    const auto rows = std::size_t(requests * width);
    kv_positions.assign(rows * std::size_t(steps), -7);
    nodes.assign(rows, -1);
    totals.assign(rows, std::nan(""));
    parents.assign(std::size_t(requests * tree), 0);
    words = parents;
    log_probs.assign(parents.size(), 0);
    finished.assign(rows, 0);
    scores.assign(rows, 0);
    for (std::int64_t request = 0; request < requests; ++request) {
      const auto first = std::size_t(request * width);
      replies.generated[first * std::size_t(steps + 1)] = kSos;
      nodes[first] = 0;
      totals[first] = 0;
      counts.insert(counts.end(), {1, 1, 0});
      options.insert(options.end(),
                     {chosen.length_penalty, double(static_cast<int>(chosen.early_stopping))});
    }
  }

  template <typename Location = OnHost>
  BeamRows rows(const Location& at = {}) {
    return {.replies = replies.view(at),
            .best = replies.best(at),
            .kv_positions = at(kv_positions),
            .counts = at(counts),
            .nodes = at(nodes),
            .totals = at(totals),
            .parents = at(parents),
            .words = at(words),
            .log_probs = at(log_probs),
            .finished = at(finished),
            .scores = at(scores),
            .options = at(options),
            .requests = requests,
            .width = width,
            .tree = tree};
  }

  template <typename Visit>
  void each(const Visit& visit) {
    replies.each(visit);
    visit("kv_positions", kv_positions);
    visit("counts", counts);
    visit("nodes", nodes);
    visit("totals", totals);
    visit("parents", parents);
    visit("words", words);
    visit("log_probs", log_probs);
    visit("finished", finished);
    visit("scores", scores);
    visit("options", options);
  }

  // What the model's kernels do in a step.
  void decode(const std::vector<Language>& languages, std::int64_t step) {
    for (std::int64_t row = 0; row < replies.rows; ++row) {
      if (!replies.view().is_active(row)) continue;
      replies.project(row, languages[std::size_t(row / width)]);
      kv_positions[std::size_t(row * replies.steps + step)] = static_cast<std::int32_t>(row);
    }
  }
};

// Samples of one request before their first step.
struct SampleState {
  std::int64_t vocab;
  Replies replies;
  std::vector<float> logits, log_probs;
  std::vector<double> options;
  std::vector<std::uint64_t> seeds;
  std::vector<std::int32_t> streams;

  SampleState(const GenerationOptions& chosen, std::int64_t vocab_in, std::int64_t steps,
              std::uint64_t seed)
      : vocab(vocab_in),
        replies(chosen.num_return_sequences, steps, chosen.max_new_tokens, 1),
        logits(std::size_t(replies.rows * vocab)),
        log_probs(std::size_t(replies.rows * steps)),
        seeds(std::size_t(replies.rows), seed) {
    for (std::int32_t row = 0; row < replies.rows; ++row) {
      replies.generated[std::size_t(row * (steps + 1))] = kSos;
      streams.push_back(1 + row);
      options.insert(options.end(),
                     {chosen.temperature, double(chosen.top_k), chosen.top_p, chosen.min_p});
    }
  }

  template <typename Location = OnHost>
  SampleRows rows(const Location& at = {}) {
    return {.replies = replies.view(at),
            .best = replies.best(at),
            .logits = at(logits),
            .options = at(options),
            .seeds = at(seeds),
            .streams = at(streams),
            .log_probs = at(log_probs),
            .vocab = vocab};
  }

  template <typename Visit>
  void each(const Visit& visit) {
    replies.each(visit);
    visit("logits", logits);
    visit("log_probs", log_probs);
    visit("options", options);
    visit("seeds", seeds);
    visit("streams", streams);
  }

  // What the model's kernels do in a step.
  void decode(const Language& language) {
    for (std::int64_t row = 0; row < replies.rows; ++row) {
      if (!replies.view().is_active(row)) continue;
      const std::vector<float> own = replies.project(row, language);
      std::copy(own.begin(), own.end(), logits.begin() + row * vocab);
    }
  }
};

// What greedy decoding says after a reply's words; -1: the reply has ended.
inline std::int32_t next_word(const Language& language, const TokenIds& generated,
                              std::int64_t most) {
  const bool ended = !generated.empty() && generated.back() == kEos;
  if (ended || static_cast<std::int64_t>(generated.size()) == most) return -1;
  const std::vector<float> logits = language.logits(generated);
  return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// Greedy replies with drafts, of which some are right, before their first step.
struct DraftState {
  static constexpr std::int64_t kWidth = 1 + kMaxDrafts;
  std::int64_t groups;
  Replies replies;
  std::vector<std::int32_t> kv_positions, draft_words;
  std::vector<float> log_probs, confidences;
  std::vector<std::uint64_t> hashes;

  DraftState(Random& random, const GenerationOptions& chosen,
             const std::vector<Language>& languages, std::int64_t steps)
      : groups(static_cast<std::int64_t>(languages.size())),
        replies(groups * kWidth, steps, chosen.max_new_tokens, 1),
        kv_positions(std::size_t(replies.rows * steps), -7),
        log_probs(std::size_t(replies.rows * steps)) {
    for (std::int64_t group = 0; group < groups; ++group) {
      replies.generated[std::size_t(group * kWidth * (steps + 1))] = kSos;
    }
    DraftTable table(1 << 12);
    for (const Language& language : languages) {
      TokenIds generated;
      for (std::int32_t word = 0; word >= 0;) {
        word = next_word(language, generated, chosen.max_new_tokens);
        if (word >= 0) add_suffixes(random, table, language, generated, word);
        generated.push_back(word);
      }
    }
    const DraftBuckets found = table.buckets();
    hashes.assign(found.hashes, found.hashes + table.size());
    draft_words.assign(found.words, found.words + table.size());
    confidences.assign(found.confidences, found.confidences + table.size());
  }

  template <typename Location = OnHost>
  DraftRows rows(const Location& at = {}) {
    return {.replies = replies.view(at),
            .best = replies.best(at),
            .kv_positions = at(kv_positions),
            .log_probs = at(log_probs),
            .table = {.hashes = at(hashes),
                      .words = at(draft_words),
                      .confidences = at(confidences),
                      .mask = hashes.size() - 1},
            .least = 0.1F,
            .groups = groups,
            .width = kWidth};
  }

  template <typename Visit>
  void each(const Visit& visit) {
    replies.each(visit);
    visit("kv_positions", kv_positions);
    visit("log_probs", log_probs);
    visit("hashes", hashes);
    visit("draft_words", draft_words);
    visit("confidences", confidences);
  }

  // What the model's kernels do with a row that is active.
  void decode(std::int64_t row, const Language& language) {
    const auto position = replies.positions[std::size_t(row)];
    replies.project(row, language);
    kv_positions[std::size_t(row * replies.steps + position)] = static_cast<std::int32_t>(row);
  }

 private:
  // What follows each suffix of start of reply and these words; now and then another word.
  static void add_suffixes(Random& random, DraftTable& table, const Language& language,
                           const TokenIds& generated, std::int32_t word) {
    std::int32_t context[kDraftContext] = {kNoWord, kNoWord, kNoWord, kNoWord};
    const auto known = static_cast<std::int64_t>(generated.size());
    for (std::int64_t length = 1; length <= std::min(known + 1, kDraftContext); ++length) {
      const std::int64_t at = known - length;
      context[kDraftContext - length] = at < 0 ? kSos : generated[std::size_t(at)];
      const auto other = static_cast<std::int32_t>(random.integer(0, language.vocab - 1));
      table.add(context,
                {random.one_in(6) ? other : word, static_cast<float>(0.5 + random.uniform() / 2)});
    }
  }
};

inline GenerationOptions random_options(Random& random) {
  GenerationOptions options;
  options.max_new_tokens = random.integer(1, 9);
  options.min_new_tokens = random.integer(0, std::min<std::int64_t>(3, options.max_new_tokens));
  return options;
}

inline GenerationOptions random_beams(Random& random) {
  GenerationOptions options = random_options(random);
  options.num_beams = random.one_in(4) ? kMaxBeams : random.integer(2, 6);
  options.num_return_sequences = options.num_beams;
  options.early_stopping = static_cast<EarlyStopping>(random.integer(0, 2));
  options.length_penalty = random.pick(std::vector<double>{0, 1, 0.5, -1, 3});
  return options;
}

inline GenerationOptions random_sampling(Random& random) {
  GenerationOptions options = random_options(random);
  options.do_sample = true;
  options.return_scores = true;
  options.num_return_sequences = random.integer(1, 4);
  options.temperature = random.pick(std::vector<double>{1, 0.3, 4});
  options.top_k = random.one_in(2) ? random.integer(1, 9) : 0;
  options.top_p = random.one_in(2) ? 1 : 0.8;
  options.min_p = random.one_in(3) ? 0.2 : 0;
  return options;
}

}  // namespace mime_fast::test
