#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "search/draft_slots.h"
#include "search/hypothesis.h"

namespace mime_fast {

// What a model tends to say after the last few words of a reply, longest known context first. A
// search verifies each draft: a wrong one costs time, and changes nothing.
class DraftTable {
 public:
  struct Entry {
    std::int32_t word;
    float confidence;  // share of the context's continuations that were this word
  };

  // entries  // as many as are likely to come: no slot is moved for them
  explicit DraftTable(std::size_t entries = 0);

  bool empty() const { return entries_ == 0; }
  std::size_t size() const { return hashes_.size(); }  // slots
  DraftSlots slots() const;

  // context  // (kDraftContext,), oldest first, filled up with kNoWord in front
  void add(const std::int32_t* context, const Entry& entry);

  // Writes up to `count` words that are likely to follow start-of-reply and these tokens; the end
  // of the reply is none of them.
  void propose(const TokenIds& tokens, std::size_t count, TokenIds& drafts) const;

 private:
  void put(std::uint64_t hash, const Entry& entry);

  std::size_t entries_ = 0;
  std::vector<std::uint64_t> hashes_;
  std::vector<std::int32_t> words_;
  std::vector<float> confidences_;
};

}  // namespace mime_fast
