#include "vocabulary/bounded_top_k.h"

#include <algorithm>

#include "search/special.h"

namespace mime_fast {

void find_best(ScreenedRow& row, std::int64_t k, std::vector<TokenLogit>& best) {
  k = std::min(k, row.vocabulary().words());
  const float threshold = std::max(row.kth_score(k) - row.bound().largest, kLowest);
  const std::int64_t count = row.gather(threshold);
  best.clear();
  for (const TokenLogit& word : row.penalised()) {
    if (word.logit != kNever) best.push_back(word);  // a penalty may be that large
  }
  const ScreenedRow::Scratch& scratch = row.scratch();
  for (std::int64_t i = 0; i < count; ++i) best.push_back({scratch.logits[i], scratch.ids[i]});
  if (best.empty()) best.push_back({0, kEos});
  keep_best(std::min(k, static_cast<std::int64_t>(best.size())), best);
}

bool keep_best(std::int64_t k, std::vector<TokenLogit>& best) {
  if (static_cast<std::int64_t>(best.size()) < k) return false;
  std::partial_sort(best.begin(), best.begin() + k, best.end(), ranks_before);
  best.resize(static_cast<std::size_t>(k));
  return true;
}

}  // namespace mime_fast
