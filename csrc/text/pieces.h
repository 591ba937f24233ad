#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "search/hypothesis.h"

namespace mime_fast {

// Text to the ids of byte-level subwords (BPE), as mime_fast/text/pieces.py: digits alone, and
// GPT-2's split of words.
class PieceTokenizer {
 public:
  using Merge = std::pair<std::string, std::string>;  // two pieces that become one

  // pieces: distinct, and of GPT-2's alphabet of bytes. Those of special ids come first, in any
  // characters. merges: in the order in which they were learned. Throws std::invalid_argument for a
  // piece or a merge that is none.
  PieceTokenizer(const std::vector<std::string>& pieces, const std::vector<Merge>& merges);

  // The bytes that each id writes: none for a special one.
  const std::vector<std::string>& bytes() const { return bytes_; }
  TokenIds encode(std::string_view text) const;

 private:
  struct Merged {
    std::int64_t rank;  // the lower is merged first
    std::int32_t id;
  };

  void add_merges(const std::vector<std::string>& pieces, const std::vector<Merge>& merges);
  const Merged* find_merge(std::int32_t left, std::int32_t right) const;
  void append_word(std::string_view word, TokenIds& ids) const;

  std::vector<std::string> bytes_;          // by id
  std::array<std::int32_t, 256> byte_ids_;  // of the piece of each byte; -1: there is none
  std::unordered_map<std::uint64_t, Merged> merges_;  // by both ids
};

}  // namespace mime_fast
