#pragma once

#include <cstddef>
#include <cstdint>

#include "sampling/device.h"
#include "search/special.h"

namespace mime_fast {

constexpr std::int64_t kDraftContext = 4;  // words
constexpr std::int32_t kNoWord = -1;       // in front of a context that is shorter

// A view of a draft table: a hash table with open addressing, probed linearly. Two contexts with
// one hash share an entry, which can only make a draft wrong.
struct DraftBuckets {
  const std::uint64_t* hashes;  // (buckets,); 0: empty, at least one is
  const std::int32_t* words;    // (buckets,): the likeliest continuation
  const float* confidences;     // (buckets,): its share of the context's continuations
  std::uint64_t mask;           // buckets - 1; their number is a power of two
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

// Returns the bucket of a hash, or the empty one where it would be inserted.
MIME_FAST_DEVICE inline std::uint64_t find_bucket(const DraftBuckets& buckets, std::uint64_t hash) {
  std::uint64_t bucket = hash & buckets.mask;
  while (buckets.hashes[bucket] != 0 && buckets.hashes[bucket] != hash)
    bucket = (bucket + 1) & buckets.mask;
  return bucket;
}

// Returns the bucket of the longest known suffix of the context, or an empty one.
MIME_FAST_DEVICE inline std::uint64_t find_suffix(const DraftBuckets& buckets,
                                                  const std::int32_t* context) {
  std::int32_t suffix[kDraftContext];
  for (std::int64_t i = 0; i < kDraftContext; ++i) suffix[i] = context[i];
  std::uint64_t bucket = 0;
  for (std::int64_t dropped = 0; dropped < kDraftContext; ++dropped) {
    bucket = find_bucket(buckets, hash_context(suffix));
    if (buckets.hashes[bucket] != 0) break;
    suffix[dropped] = kNoWord;
  }
  return bucket;
}

// Writes up to `most` words that are likely to follow start-of-reply and a reply's words. The
// probability that all are right is at least `least`. Returns their number. End-of-reply is never
// drafted.
//   generated  // (length,): start of reply, then its words
//   drafts     // (most,)
MIME_FAST_DEVICE inline std::int64_t propose_drafts(const DraftBuckets& buckets, float least,
                                                    const std::int32_t* generated,
                                                    std::int64_t length, std::int64_t most,
                                                    std::int32_t* drafts) {
  std::int32_t context[kDraftContext];
  for (std::int64_t i = 0; i < kDraftContext; ++i) {
    const std::int64_t at = length - kDraftContext + i;
    context[i] = at < 0 ? kNoWord : generated[at];
  }
  float confidence = 1;
  std::int64_t count = 0;
  for (; count < most; ++count) {
    const std::uint64_t bucket = find_suffix(buckets, context);
    confidence *= buckets.confidences[bucket];
    if (buckets.hashes[bucket] == 0 || buckets.words[bucket] == kEos || confidence < least) break;
    drafts[count] = buckets.words[bucket];
    for (std::int64_t i = 0; i + 1 < kDraftContext; ++i) context[i] = context[i + 1];
    context[kDraftContext - 1] = drafts[count];
  }
  return count;
}

}  // namespace mime_fast
