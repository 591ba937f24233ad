#include "text/grave/finder.h"

#include <algorithm>
#include <numeric>

#include "sampling/rng.h"
#include "text/crisis/patterns.h"
#include "text/never_destroyed.h"
#include "text/unicode.h"
#include "text/word_list.h"

namespace mime_fast {
namespace {

// No sequence of a request draws tokens from it: there are at most 10,000.
constexpr std::uint32_t kCarefulStream = 0xFFFFFFFF;

// The tables by which a message is grave.
struct GraveRules {
  WordList words{"grave/grave.txt"};
  PatternReader reader;
  PatternSet patterns = read("grave/patterns.txt"), harmless = read("grave/harmless.txt");

  bool hold_in(Sentence sentence) const {
    harmless.hide(sentence);
    return words.occurs_among(sentence) || patterns.matches(sentence);
  }

 private:
  // The patterns of a table, of all its sections.
  PatternSet read(const char* table) {
    std::vector<std::string> lines;
    for (const auto& [name, listed] : read_sections(table)) {
      lines.insert(lines.end(), listed.begin(), listed.end());
    }
    return {reader, lines};
  }
};

bool tells_grave_thing(SpeakerTurn& turn) {
  static const auto& rules = never_destroyed<GraveRules>();
  // Nobody hides these words, so that plain letters need no more than lower case.
  const std::string plain =
      is_ascii(turn.text()) ? lower(turn.text()) : turn.plain(rules.words.words());
  const std::vector<Sentence>& sentences = turn.sentences(plain);
  return std::any_of(sentences.begin(), sentences.end(),
                     [&](const Sentence& sentence) { return rules.hold_in(sentence); });
}

}  // namespace

bool is_grave(std::vector<SpeakerTurn>& turns) {
  return std::any_of(turns.begin(), turns.end(), tells_grave_thing);
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
