#include "text/grave/finder.h"

#include <algorithm>
#include <numeric>

#include "sampling/rng.h"
#include "text/crisis/spelling.h"
#include "text/message.h"
#include "text/never_destroyed.h"
#include "text/unicode.h"
#include "text/word_list.h"

namespace mime_fast {
namespace {

// No sequence of a request draws tokens from it: there are at most 10,000.
constexpr std::uint32_t kCarefulStream = 0xFFFFFFFF;

}  // namespace

bool is_grave(const std::vector<std::string>& turns) {
  static const auto& grave = never_destroyed<WordList>("grave/grave.txt");
  for (const std::size_t place : turns_to_search(turns)) {
    const std::string& turn = turns[place];
    // Nobody hides these words, so that plain letters need no more than lower case.
    if (grave.occurs_in(is_ascii(turn) ? lower(turn) : plain_text(turn, grave.words())))
      return true;
  }
  return false;
}

bool is_cheerful(std::string_view reply) {
  static const auto& cheerful = never_destroyed<WordList>("grave/cheerful.txt");
  return cheerful.occurs_in(lower(reply));
}

std::vector<std::string> careful_replies(std::uint64_t seed, std::size_t count) {
  static const auto& replies =
      never_destroyed<std::vector<std::string>>(content_lines("grave/careful.txt"));
  std::vector<double> drawn(replies.size());
  RandomStream{seed, kCarefulStream}.fill_uniform(0, drawn.size(), drawn.data());
  std::vector<std::size_t> order(replies.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return drawn[a] < drawn[b]; });
  std::vector<std::string> chosen;
  while (chosen.size() < count) chosen.push_back(replies[order[chosen.size() % order.size()]]);
  return chosen;
}

}  // namespace mime_fast
