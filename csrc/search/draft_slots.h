#pragma once

#include <cstddef>
#include <cstdint>

#include "sampling/device.h"
#include "search/special.h"

namespace mime_fast {

constexpr std::int64_t kDraftContext = 4;  // words
constexpr std::int32_t kNoWord = -1;       // in front of a context that is shorter

// A draft table where it is read: slots of a hash table, searched from a context's own one on. Two
// contexts of one hash are no more than a wrong draft.
struct DraftSlots {
  const std::uint64_t* hashes;  // (slots,); 0: empty, and some are
  const std::int32_t* words;    // (slots,): the likeliest continuation
  const float* confidences;     // (slots,): its share of the context's continuations
  std::uint64_t mask;           // slots - 1; they are a power of two
};

// context  // (kDraftContext,), oldest first
MIME_FAST_DEVICE inline std::uint64_t hash_context(const std::int32_t* context) {
  std::uint64_t value = 0;
  for (std::int64_t i = 0; i < kDraftContext; ++i) {
    value = (value ^ static_cast<std::uint32_t>(context[i])) * 0x9E3779B97F4A7C15;
    value ^= value >> 29;
  }
  return value != 0 ? value : 1;
}

// The slot of a hash, or the empty one where it would be.
MIME_FAST_DEVICE inline std::uint64_t find_slot(const DraftSlots& slots, std::uint64_t hash) {
  std::uint64_t slot = hash & slots.mask;
  while (slots.hashes[slot] != 0 && slots.hashes[slot] != hash) slot = (slot + 1) & slots.mask;
  return slot;
}

// The slot of the longest suffix of the context that has one; an empty one if none has.
MIME_FAST_DEVICE inline std::uint64_t find_suffix(const DraftSlots& slots,
                                                  const std::int32_t* context) {
  std::int32_t suffix[kDraftContext];
  for (std::int64_t i = 0; i < kDraftContext; ++i) suffix[i] = context[i];
  std::uint64_t slot = 0;
  for (std::int64_t dropped = 0; dropped < kDraftContext; ++dropped) {
    slot = find_slot(slots, hash_context(suffix));
    if (slots.hashes[slot] != 0) break;
    suffix[dropped] = kNoWord;
  }
  return slot;
}

// Writes up to `most` words that are likely to follow start-of-reply and a reply's words, as long
// as all of them together are as likely as `least` to be right; returns how many. The end of the
// reply is none of them.
//   said    // (length,): start of reply, then its words
//   drafts  // (most,)
MIME_FAST_DEVICE inline std::int64_t propose_drafts(const DraftSlots& slots, float least,
                                                    const std::int32_t* said, std::int64_t length,
                                                    std::int64_t most, std::int32_t* drafts) {
  std::int32_t context[kDraftContext];
  for (std::int64_t i = 0; i < kDraftContext; ++i) {
    const std::int64_t at = length - kDraftContext + i;
    context[i] = at < 0 ? kNoWord : said[at];
  }
  float confidence = 1;
  std::int64_t count = 0;
  for (; count < most; ++count) {
    const std::uint64_t slot = find_suffix(slots, context);
    confidence *= slots.confidences[slot];
    if (slots.hashes[slot] == 0 || slots.words[slot] == kEos || confidence < least) break;
    drafts[count] = slots.words[slot];
    for (std::int64_t i = 0; i + 1 < kDraftContext; ++i) context[i] = context[i + 1];
    context[kDraftContext - 1] = drafts[count];
  }
  return count;
}

}  // namespace mime_fast
