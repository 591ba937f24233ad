#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "search/hypothesis.h"

namespace mime_fast {

// What a model tends to say after the last few words of a reply, longest known context first. A
// search verifies each draft: a wrong one costs time, and changes nothing.
class DraftTable {
 public:
  static constexpr std::size_t kContext = 4;  // words

  struct Entry {
    std::int32_t word;
    float confidence;  // share of the context's continuations that were this word
  };

  bool empty() const { return entries_.empty(); }
  // context  // (kContext,), oldest first, filled up with -1 in front
  void add(const std::int32_t* context, const Entry& entry);

  // Writes up to `count` words that are likely to follow start-of-reply and these tokens; the end
  // of the reply is none of them.
  void propose(const TokenIds& tokens, std::size_t count, TokenIds& drafts) const;

 private:
  const Entry* find(const std::int32_t* context) const;

  std::unordered_map<std::uint64_t, Entry> entries_;  // by a hash of the context
};

}  // namespace mime_fast
