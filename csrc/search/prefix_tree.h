#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "search/hypothesis.h"

namespace mime_fast {

// The replies of a beam as a tree of prefixes: a node is its parent's reply and one more token.
class PrefixTree {
 public:
  struct Node {
    std::int32_t parent;
    std::int32_t token;
    std::int64_t length;
    double token_log_prob;
    double log_prob;  // of the whole reply
  };
  static constexpr std::int32_t kRoot = 0;  // the empty reply

  explicit PrefixTree(std::size_t expected_nodes);

  const Node& operator[](std::int32_t node) const { return nodes_[static_cast<std::size_t>(node)]; }

  // Adds a node; the parent has no child of that token yet.
  std::int32_t add(std::int32_t parent, std::int32_t token, double log_prob);

  // Returns the last node that the replies of both share.
  std::int32_t common_ancestor(std::int32_t a, std::int32_t b) const;

  // Writes the tokens of a node's reply from position `from` on, (length,) in all.
  void read_tokens(std::int32_t node, std::size_t from, TokenIds& tokens) const;

  // Reads the reply of a node; the storage of `hypothesis` is reused.
  void read(std::int32_t node, Hypothesis& hypothesis) const;

 private:
  std::vector<Node> nodes_;
};

}  // namespace mime_fast
