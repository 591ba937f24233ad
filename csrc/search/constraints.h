#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "search/hypothesis.h"
#include "search/options.h"
#include "search/scores.h"

namespace mime_fast {

// What must not, and what should less likely, be said, as CTranslate2 does it: on the logits,
// before they are normalised.
class Constraints {
 public:
  // options were checked; blocked: ids that never come.
  Constraints(const GenerationOptions& options, TokenIds blocked);

  // Whether the tokens of a reply matter, or only how many there are.
  bool read_tokens() const { return penalty_ != 1 || ngram_size_ > 0 || !bad_sequences_.empty(); }

  // tokens  // (length,), the reply so far; not read unless read_tokens()
  // Its spans hold until the next call.
  Constraint after(const std::int32_t* tokens, std::size_t length);

 private:
  void block_bad_words(const std::int32_t* tokens, std::size_t length);
  void block_repeated_ngrams(const std::int32_t* tokens, std::size_t length);
  void collect_penalised(const std::int32_t* tokens, std::size_t length);

  std::size_t min_new_tokens_;
  std::size_t ngram_size_;
  float penalty_;
  std::vector<TokenIds> bad_sequences_;  // of two words or more
  std::size_t always_blocked_;           // how many, at the start of blocked_
  TokenIds blocked_;
  TokenIds penalised_;
};

}  // namespace mime_fast
