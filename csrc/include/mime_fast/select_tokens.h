#pragma once

#include <cstdint>

#include "mime_fast/logits.h"

namespace mime_fast {

struct SamplingOptions {
  double temperature = 1.0;  // [0.01, 100]: divides the logits
  std::int64_t top_k = 0;    // >= 0: keep the k best; 0, or more than there are, keeps all
  double top_p = 1.0;        // (0, 1]: keep the shortest prefix with at least this probability
  double min_p = 0.0;        // [0, 1]: keep tokens of at least this share of the best probability

  // Throws std::invalid_argument naming the value that is out of range.
  void validate() const;
};

// Draws one token of each row. The random number is an argument: an equal one gives an equal token.
// Tokens are ranked by descending logit (lowest id first on ties) and cut by top_k, top_p and min_p
// in this order. The inverse of their cumulative distribution at the row's uniform is the token. A
// token of probability zero is never drawn.
//   uniforms  // (rows,), in [0, 1)
//   ids       // (rows,)
// Throws std::invalid_argument for an option out of range, a uniform outside [0, 1), and a row
// that holds NaN or +inf or nothing but -inf.
void select_tokens(const Logits& logits, const double* uniforms, const SamplingOptions& options,
                   std::int64_t* ids);

}  // namespace mime_fast
