#include "search/constraints.h"

#include <algorithm>
#include <utility>

#include "search/special.h"

namespace mime_fast {

Constraints::Constraints(const GenerationOptions& options, TokenIds blocked)
    : min_new_tokens_(static_cast<std::size_t>(options.min_new_tokens)),
      ngram_size_(static_cast<std::size_t>(options.no_repeat_ngram_size)),
      penalty_(static_cast<float>(options.repetition_penalty)),
      blocked_(std::move(blocked)) {
  for (const TokenIds& words : options.bad_words) {
    if (words.size() > 1) {
      bad_sequences_.push_back(words);
    } else {
      blocked_.push_back(words.front());
    }
  }
  always_blocked_ = blocked_.size();
  const std::size_t tokens = options.expected_tokens();
  blocked_.reserve(always_blocked_ + 1 + bad_sequences_.size() + tokens);
  penalised_.reserve(tokens);
}

Constraint Constraints::after(const std::int32_t* tokens, std::size_t length) {
  blocked_.resize(always_blocked_);
  if (length < min_new_tokens_) blocked_.push_back(kEos);
  block_bad_words(tokens, length);
  if (ngram_size_ > 0) block_repeated_ngrams(tokens, length);
  penalised_.clear();
  if (penalty_ != 1) collect_penalised(tokens, length);
  return {.blocked = blocked_.data(),
          .blocked_count = blocked_.size(),
          .penalised = penalised_.data(),
          .penalised_count = penalised_.size(),
          .penalty = penalty_};
}

// Blocks the last word of a sequence if the words before it are the newest of the reply.
void Constraints::block_bad_words(const std::int32_t* tokens, std::size_t length) {
  for (const TokenIds& words : bad_sequences_) {
    const std::size_t before = words.size() - 1;
    if (before > length) continue;
    if (std::equal(words.begin(), words.end() - 1, tokens + length - before)) {
      blocked_.push_back(words.back());
    }
  }
}

void Constraints::block_repeated_ngrams(const std::int32_t* tokens, std::size_t length) {
  if (length < ngram_size_) return;
  const std::size_t overlap = ngram_size_ - 1;
  const std::int32_t* tail = tokens + length - overlap;
  for (const std::int32_t* start = tokens; start + overlap < tokens + length; ++start) {
    const std::int32_t word = start[overlap];
    if (word != kEos && std::equal(start, start + overlap, tail)) blocked_.push_back(word);
  }
}

void Constraints::collect_penalised(const std::int32_t* tokens, std::size_t length) {
  penalised_.assign(tokens, tokens + length);
  std::sort(penalised_.begin(), penalised_.end());
  penalised_.erase(std::unique(penalised_.begin(), penalised_.end()), penalised_.end());
}

}  // namespace mime_fast
