#pragma once

#include <cstdint>
#include <vector>

namespace mime_fast {

// A token and its logit.
struct TokenLogit {
  float logit;
  std::int32_t id;
};

// The order of every ranking: descending logit, lowest id first on ties.
// An object, because sorting inlines it; it would call a function through its address.
inline constexpr auto ranks_before = [](const TokenLogit& a, const TokenLogit& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
};

// Gathers the k best tokens of a row without NaN; 1 <= k <= vocab. If k is vocab, they are in
// ascending order of id, otherwise in no order.
//   row   // (vocab,)
//   best  // (k,); its storage is reused
void gather_best(const float* row, std::int64_t vocab, std::int64_t k,
                 std::vector<TokenLogit>& best);

}  // namespace mime_fast
