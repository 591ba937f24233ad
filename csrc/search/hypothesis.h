#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "sampling/device.h"

namespace mime_fast {

using TokenIds = std::vector<std::int32_t>;

// log_prob / length ** length_penalty (Wu et al. 2016 in CTranslate2's simple form).
MIME_FAST_DEVICE inline double length_score(double log_prob, std::int64_t length,
                                            double length_penalty) {
  return log_prob / std::pow(static_cast<double>(length), length_penalty);
}

// A partial or finished reply; a finished one ends with end-of-reply, which counts as a token.
struct Hypothesis {
  TokenIds tokens;
  double log_prob = 0;
  std::vector<double> log_probs;  // one for each token; their sum is log_prob
};

}  // namespace mime_fast
