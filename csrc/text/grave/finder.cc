#include "text/grave/finder.h"

#include <algorithm>
#include <functional>
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

// The tables by which a message has a gravity.
class GraveRules {
 public:
  // Returns all words that the lists hold.
  const Words& words() const { return words_; }

  Gravity find(Sentence sentence) const {
    harmless_.hide(sentence);
    for (const Kind* kind : {&death_, &grave_}) {
      if (kind->words.occurs_among(sentence) || kind->patterns.matches(sentence)) {
        return kind->gravity;
      }
    }
    return Gravity::none;
  }

 private:
  struct Kind {
    Gravity gravity;
    WordList words;
    PatternSet patterns;
  };

  static bool is_death(std::string_view section) { return section == "certain_death"; }

  // The patterns of the sections for which `is_read` holds.
  template <typename Predicate>
  PatternSet read(const char* table, Predicate is_read) {
    std::vector<std::string> lines;
    for (const auto& [name, listed] : read_sections(table)) {
      if (is_read(name)) lines.insert(lines.end(), listed.begin(), listed.end());
    }
    return {reader_, lines};
  }

  Words all_words() const {
    Words all = death_.words.words();
    all.insert(grave_.words.words().begin(), grave_.words.words().end());
    return all;
  }

  PatternReader reader_;
  PatternSet harmless_ = read("grave/harmless.txt", [](std::string_view) { return true; });
  Kind death_{Gravity::death, WordList("grave/death.txt"), read("grave/patterns.txt", is_death)};
  Kind grave_{Gravity::grave, WordList("grave/grave.txt"),
              read("grave/patterns.txt", std::not_fn(is_death))};
  Words words_ = all_words();
};

Gravity gravity_of(SpeakerTurn& turn) {
  static const auto& rules = never_destroyed<GraveRules>();
  // Nobody hides these words, so that plain letters need no more than lower case.
  const std::string plain = is_ascii(turn.text()) ? lower(turn.text()) : turn.plain(rules.words());
  Gravity found = Gravity::none;
  for (const Sentence& sentence : turn.sentences(plain)) {
    found = std::max(found, rules.find(sentence));
  }
  return found;
}

}  // namespace

Gravity find_gravity(std::vector<SpeakerTurn>& turns) {
  Gravity found = Gravity::none;
  for (SpeakerTurn& turn : turns) found = std::max(found, gravity_of(turn));
  return found;
}

bool suits(std::string_view reply, Gravity gravity) {
  static const auto& careless = never_destroyed<WordList>("grave/careless.txt");
  if (gravity == Gravity::death && careless.occurs_in(lower(reply))) return false;
  return !is_cheerful(reply);
}

bool is_cheerful(std::string_view reply) {
  static const auto& cheerful = never_destroyed<WordList>("grave/cheerful.txt");
  return cheerful.occurs_in(lower(reply));
}

std::vector<std::string> careful_replies(std::uint64_t seed, std::size_t count, Gravity gravity) {
  static const auto& listed = never_destroyed<Sections>(read_sections("grave/careful.txt"));
  const std::vector<std::string>& replies =
      section(listed, gravity == Gravity::none ? "uncertain" : "grave");
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
