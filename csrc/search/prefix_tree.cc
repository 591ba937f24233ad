#include "search/prefix_tree.h"

namespace mime_fast {
namespace {

constexpr std::int32_t kNone = -1;  // the root has neither parent nor token

}  // namespace

PrefixTree::PrefixTree(std::size_t expected_nodes) {
  nodes_.reserve(expected_nodes);
  nodes_.push_back(
      {.parent = kNone, .token = kNone, .length = 0, .token_log_prob = 0, .log_prob = 0});
}

std::int32_t PrefixTree::add(std::int32_t parent, std::int32_t token, double log_prob) {
  const Node& before = (*this)[parent];
  const Node node{.parent = parent,
                  .token = token,
                  .length = before.length + 1,
                  .token_log_prob = log_prob,
                  .log_prob = before.log_prob + log_prob};
  nodes_.push_back(node);
  return static_cast<std::int32_t>(nodes_.size() - 1);
}

std::int32_t PrefixTree::common_ancestor(std::int32_t a, std::int32_t b) const {
  while (a != b) {
    std::int32_t& longer = (*this)[a].length >= (*this)[b].length ? a : b;
    longer = (*this)[longer].parent;
  }
  return a;
}

void PrefixTree::read_tokens(std::int32_t node, std::size_t from, TokenIds& tokens) const {
  auto position = static_cast<std::size_t>((*this)[node].length);
  tokens.resize(position);
  for (; position > from; node = (*this)[node].parent) tokens[--position] = (*this)[node].token;
}

void PrefixTree::read(std::int32_t node, Hypothesis& hypothesis) const {
  read_tokens(node, 0, hypothesis.tokens);
  hypothesis.log_prob = (*this)[node].log_prob;
  hypothesis.log_probs.resize(hypothesis.tokens.size());
  for (auto log_prob = hypothesis.log_probs.rbegin(); log_prob != hypothesis.log_probs.rend();
       ++log_prob) {
    *log_prob = (*this)[node].token_log_prob;
    node = (*this)[node].parent;
  }
}

}  // namespace mime_fast
