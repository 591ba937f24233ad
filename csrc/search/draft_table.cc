#include "search/draft_table.h"

#include <algorithm>
#include <array>
#include <utility>

namespace mime_fast {
namespace {

// Drafts go on as long as all of them together are this likely to be right. Counted on 1,051
// replies of the bundled checkpoint with up to four drafts, 0.3 gives 2.8 tokens for 3.6 rows a
// step, 0.5 gives 2.3 for 2.8; another row costs a quarter of a step.
constexpr float kLeastConfidence = 0.4F;

// At most half of the slots are taken: a search ends soon.
std::size_t slots_for(std::size_t entries) {
  std::size_t slots = 2;
  while (slots < 2 * entries) slots *= 2;
  return slots;
}

}  // namespace

DraftTable::DraftTable(std::size_t entries)
    : hashes_(slots_for(entries)), words_(hashes_.size()), confidences_(hashes_.size()) {}

DraftSlots DraftTable::slots() const {
  return {.hashes = hashes_.data(),
          .words = words_.data(),
          .confidences = confidences_.data(),
          .mask = hashes_.size() - 1};
}

void DraftTable::add(const std::int32_t* context, const Entry& entry) {
  if (2 * (entries_ + 1) > size()) {
    DraftTable larger(size());
    for (std::size_t slot = 0; slot < size(); ++slot) {
      if (hashes_[slot] != 0) larger.put(hashes_[slot], {words_[slot], confidences_[slot]});
    }
    *this = std::move(larger);
  }
  put(hash_context(context), entry);
}

void DraftTable::put(std::uint64_t hash, const Entry& entry) {
  const std::uint64_t slot = find_slot(slots(), hash);
  if (hashes_[slot] == 0) ++entries_;
  hashes_[slot] = hash;
  words_[slot] = entry.word;
  confidences_[slot] = entry.confidence;
}

void DraftTable::propose(const TokenIds& tokens, std::size_t count, TokenIds& drafts) const {
  drafts.clear();
  if (empty()) return;
  // Start of reply and the last words: more are not read.
  std::array<std::int32_t, kDraftContext> said;
  const std::size_t known = std::min(tokens.size(), said.size());
  std::int32_t* first = said.data() + (said.size() - known);
  std::copy(tokens.end() - static_cast<std::ptrdiff_t>(known), tokens.end(), first);
  if (known < said.size()) *--first = kSos;
  drafts.resize(count);
  const auto length = static_cast<std::int64_t>(said.data() + said.size() - first);
  const std::int64_t found = propose_drafts(slots(), kLeastConfidence, first, length,
                                            static_cast<std::int64_t>(count), drafts.data());
  drafts.resize(static_cast<std::size_t>(found));
}

}  // namespace mime_fast
