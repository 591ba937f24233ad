#include <algorithm>
#include <vector>

#include "sampling/cpu.h"
#include "sampling/row_scan.h"
#include "sampling/token_logit.h"

namespace mime_fast::cpu {

void top_k(const Logits& logits, std::int64_t k, float* values, std::int64_t* ids) {
  std::vector<TokenLogit> best;
  for (std::int64_t row = 0; row < logits.rows; ++row) {
    checked_max(logits.row(row), logits.vocab, row);
    gather_best(logits.row(row), logits.vocab, k, best);
    std::sort(best.begin(), best.end(), ranks_before);
    for (const TokenLogit& token : best) {
      *values++ = token.logit;
      *ids++ = token.id;
    }
  }
}

}  // namespace mime_fast::cpu
