#include "search/draft_table.h"

#include <algorithm>
#include <array>

#include "search/special.h"

namespace mime_fast {
namespace {

constexpr std::int32_t kNone = -1;
// Drafts go on as long as all of them together are this likely to be right. Counted on 1,051
// replies of the bundled checkpoint with up to four drafts, 0.3 gives 2.8 tokens for 3.6 rows a
// step, 0.5 gives 2.3 for 2.8; another row costs a quarter of a step.
constexpr float kLeastConfidence = 0.4F;

// Two contexts of one hash are no more than a wrong draft.
std::uint64_t hash(const std::int32_t* context) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < DraftTable::kContext; ++i) {
    value = (value ^ static_cast<std::uint32_t>(context[i])) * 0x9E3779B97F4A7C15;
    value ^= value >> 29;
  }
  return value;
}

}  // namespace

void DraftTable::add(const std::int32_t* context, const Entry& entry) {
  entries_[hash(context)] = entry;
}

void DraftTable::propose(const TokenIds& tokens, std::size_t count, TokenIds& drafts) const {
  drafts.clear();
  if (entries_.empty()) return;
  std::array<std::int32_t, kContext> context;
  context.fill(kNone);
  const std::size_t known = std::min(tokens.size(), kContext);
  std::copy(tokens.end() - static_cast<std::ptrdiff_t>(known), tokens.end(), context.end() - known);
  if (known < kContext) context[kContext - known - 1] = kSos;
  float confidence = 1;
  while (drafts.size() < count) {
    const Entry* next = find(context.data());
    if (next == nullptr || next->word == kEos) return;
    confidence *= next->confidence;
    if (confidence < kLeastConfidence) return;
    drafts.push_back(next->word);
    std::copy(context.begin() + 1, context.end(), context.begin());
    context.back() = next->word;
  }
}

// The entry of the longest suffix of the context that has one.
const DraftTable::Entry* DraftTable::find(const std::int32_t* context) const {
  std::array<std::int32_t, kContext> suffix;
  std::copy_n(context, kContext, suffix.begin());
  for (std::size_t dropped = 0; dropped < kContext; ++dropped) {
    const auto found = entries_.find(hash(suffix.data()));
    if (found != entries_.end()) return &found->second;
    suffix[dropped] = kNone;
  }
  return nullptr;
}

}  // namespace mime_fast
