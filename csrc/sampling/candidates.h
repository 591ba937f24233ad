#pragma once

#include <cstdint>
#include <vector>

namespace mime_fast {

struct Candidate {
  float logit;
  std::int32_t id;
};

// The order of every ranking: descending logit, lowest id first on ties.
// An object, which sorting inlines: the address of a function it calls.
inline constexpr auto ranks_before = [](const Candidate& a, const Candidate& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
};

// The k best candidates of a row without NaN, in ascending order of id if k is vocab and in no
// order otherwise; 1 <= k <= vocab.
//   row   // (vocab,)
//   best  // its storage is reused
void gather_best(const float* row, std::int64_t vocab, std::int64_t k,
                 std::vector<Candidate>& best);

}  // namespace mime_fast
