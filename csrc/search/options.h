#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "mime_fast/select_tokens.h"
#include "search/early_stopping.h"
#include "search/stop_condition.h"

namespace mime_fast {

// The options of GenerationConfig (mime_fast/config/reply_options.py) that a search needs as they
// are given, under the same names.
struct SearchOptions {
  std::int64_t max_new_tokens = 50;
  std::int64_t min_new_tokens = 1;
  std::int64_t num_beams = 1;
  double length_penalty = 1.0;  // scores are divided by length to this power; 0: the plain sum
  EarlyStopping early_stopping = EarlyStopping::yes;
  bool do_sample = false;
  double temperature = 1.0;
  std::int64_t top_k = 0;  // 0: off
  double top_p = 1.0;
  double min_p = 0.0;
  double repetition_penalty = 1.0;
  std::int64_t no_repeat_ngram_size = 0;  // 0: off
  std::int64_t num_return_sequences = 1;
  bool return_scores = false;
  bool speculation = true;  // greedy: verified drafts, the same tokens in fewer steps

  // Whether log-probabilities are computed, which costs a pass over the vocabulary.
  bool needs_scores() const { return return_scores || num_return_sequences > 1 || num_beams > 1; }

  // Calls visit(name, option) for each.
  template <typename Visit>
  void visit(Visit&& visit) {
    visit("max_new_tokens", max_new_tokens);
    visit("min_new_tokens", min_new_tokens);
    visit("num_beams", num_beams);
    visit("length_penalty", length_penalty);
    visit("early_stopping", early_stopping);
    visit("do_sample", do_sample);
    visit("temperature", temperature);
    visit("top_k", top_k);
    visit("top_p", top_p);
    visit("min_p", min_p);
    visit("repetition_penalty", repetition_penalty);
    visit("no_repeat_ngram_size", no_repeat_ngram_size);
    visit("num_return_sequences", num_return_sequences);
    visit("return_scores", return_scores);
    visit("speculation", speculation);
  }
};

// What a search is given.
struct GenerationOptions : SearchOptions {
  std::int64_t ranked_samples = 0;  // number of samples that the caller ranks; 0: off
  std::vector<TokenIds> bad_words;  // id sequences that are never generated; none is empty
  std::shared_ptr<const StopCondition> stop;  // null: only end-of-reply and max_new_tokens

  // Number of sequences that a request decodes without a beam.
  std::int64_t num_sequences() const {
    return ranked_samples > 0 ? ranked_samples : num_return_sequences;
  }

  bool stops_after(const TokenIds& tokens) const { return stop && stop->ends(tokens); }

  SamplingOptions sampling() const {
    return {.temperature = temperature, .top_k = top_k, .top_p = top_p, .min_p = min_p};
  }

  // Number of tokens that buffers are reserved for; they grow for a longer reply. The released
  // models have 1000 positions.
  std::size_t expected_tokens() const {
    return static_cast<std::size_t>(std::min(max_new_tokens, std::int64_t{1000}));
  }

  // Returns itself. Throws std::invalid_argument naming the value that is out of range.
  const GenerationOptions& checked() const;
};

}  // namespace mime_fast
