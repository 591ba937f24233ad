#include "search/options.h"

#include <cmath>

#include "sampling/check.h"

namespace mime_fast {

const GenerationOptions& GenerationOptions::checked() const {
  require(max_new_tokens >= 1, "max_new_tokens must be at least 1", max_new_tokens);
  require(min_new_tokens >= 0, "min_new_tokens must be at least 0", min_new_tokens);
  require(num_beams >= 1 && num_beams <= 1000, "num_beams must be in [1, 1000]", num_beams);
  require(std::abs(length_penalty) <= 10, "length_penalty must be in [-10, 10]", length_penalty);
  require(repetition_penalty >= 0.01 && repetition_penalty <= 100,
          "repetition_penalty must be in [0.01, 100]", repetition_penalty);
  require(no_repeat_ngram_size >= 0, "no_repeat_ngram_size must be at least 0 (0: off)",
          no_repeat_ngram_size);
  require(num_return_sequences >= 1 && num_return_sequences <= 10000,
          "num_return_sequences must be in [1, 10000]", num_return_sequences);
  require(ranked_samples >= 0 && ranked_samples <= 1000,
          "mbr_samples and best_of must be in [0, 1000]", ranked_samples);
  require(ranked_samples == 0 || do_sample, "without do_sample mbr_samples and best_of must be 0",
          ranked_samples);
  require(ranked_samples == 0 || num_return_sequences <= ranked_samples,
          "num_return_sequences must be at most mbr_samples or best_of", num_return_sequences);
  for (const TokenIds& words : bad_words) {
    require(!words.empty(), "bad_words must be sequences of at least 1 id", std::int64_t{0});
    for (const std::int32_t id : words) {
      require(id >= 0, "bad_words must hold ids of at least 0", std::int64_t{id});
    }
  }
  sampling().validate();
  return *this;
}

}  // namespace mime_fast
