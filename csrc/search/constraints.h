#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "search/hypothesis.h"
#include "search/options.h"
#include "search/scores.h"

namespace mime_fast {

// Blocks and penalises tokens on the logits, before they are normalised, as CTranslate2 does.
class Constraints {
 public:
  // options: checked before. blocked: ids that are never generated.
  Constraints(const GenerationOptions& options, TokenIds blocked);

  // Whether the tokens of a reply are read, or only their number.
  bool read_tokens() const { return penalty_ != 1 || ngram_size_ > 0 || !bad_sequences_.empty(); }

  // Returns the constraint on the token behind these; its spans are valid until the next call.
  // tokens  // (length,), the reply so far; not read unless read_tokens()
  Constraint after(const std::int32_t* tokens, std::size_t length);

 private:
  void block_bad_words(const std::int32_t* tokens, std::size_t length);
  void block_repeated_ngrams(const std::int32_t* tokens, std::size_t length);
  void collect_penalised(const std::int32_t* tokens, std::size_t length);

  std::size_t min_new_tokens_;
  std::size_t ngram_size_;
  float penalty_;
  std::vector<TokenIds> bad_sequences_;  // two ids or more each
  std::size_t always_blocked_;           // number of ids at the start of blocked_
  TokenIds blocked_;
  TokenIds penalised_;
};

}  // namespace mime_fast
