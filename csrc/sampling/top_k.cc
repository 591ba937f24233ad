#include "mime_fast/top_k.h"

#include <string>

#include "sampling/check.h"
#include "sampling/cpu.h"

namespace mime_fast {

void top_k(const Logits& logits, std::int64_t k, float* values, std::int64_t* ids) {
  check_vocab(logits);
  const std::string rule = "k must be in [1, vocab = " + to_text(logits.vocab) + "]";
  require(k >= 1 && k <= logits.vocab, rule.c_str(), k);
  cpu::top_k(logits, k, values, ids);
}

}  // namespace mime_fast
