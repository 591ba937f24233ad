#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "sampling/cpu.h"
#include "sampling/draw.h"
#include "sampling/row_scan.h"

namespace mime_fast::cpu {
namespace {

float usable_max(const Logits& logits, std::int64_t row) {
  const float max = checked_max(logits.row(row), logits.vocab, row);
  if (std::isfinite(max)) return max;
  throw std::invalid_argument((max > 0 ? "logits must not hold +inf, got one in row "
                                       : "logits must hold a finite value, got only -inf in row ") +
                              std::to_string(row));
}

}  // namespace

void select_tokens(const Logits& logits, const double* uniforms, const SamplingOptions& options,
                   std::int64_t* ids) {
  std::vector<TokenLogit> best;
  for (std::int64_t row = 0; row < logits.rows; ++row) {
    const float max = usable_max(logits, row);
    ids[row] = draw_from_row(logits.row(row), logits.vocab, max, uniforms[row], options, best).id;
  }
}

}  // namespace mime_fast::cpu
