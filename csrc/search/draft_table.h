#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "search/draft_buckets.h"
#include "search/hypothesis.h"

namespace mime_fast {

// Likely continuations of a reply's last few words; the longest known context is used. A search
// verifies each draft: a wrong one costs time and changes no token.
class DraftTable {
 public:
  struct Entry {
    std::int32_t word;
    float confidence;  // share of the context's continuations that were this word
  };

  // entries  // expected number; the table grows for more
  explicit DraftTable(std::size_t entries = 0);

  bool empty() const { return entries_ == 0; }
  std::size_t size() const { return hashes_.size(); }  // buckets
  DraftBuckets buckets() const;

  // context  // (kDraftContext,), oldest first, filled up with kNoWord in front
  void add(const std::int32_t* context, const Entry& entry);

  // Writes up to `count` words that are likely to follow start-of-reply and these tokens;
  // end-of-reply is never drafted.
  void propose(const TokenIds& tokens, std::size_t count, TokenIds& drafts) const;

 private:
  void put(std::uint64_t hash, const Entry& entry);

  std::size_t entries_ = 0;
  std::vector<std::uint64_t> hashes_;
  std::vector<std::int32_t> words_;
  std::vector<float> confidences_;
};

}  // namespace mime_fast
