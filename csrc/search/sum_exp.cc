#include "search/sum_exp.h"

#include <cmath>

namespace mime_fast {

// Each term rounds to float32, so that their sum in double is all but exact in any order: rows
// that are permutations of each other have equal normalisers.
double sum_exp(const float* row, std::int64_t vocab, float max) {
  double sum = 0;
  for (std::int64_t i = 0; i < vocab; ++i) sum += double{std::exp(row[i] - max)};
  return sum;
}

}  // namespace mime_fast
