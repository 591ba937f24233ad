#include "text/crisis/finder.h"

#include <algorithm>
#include <compare>
#include <set>
#include <utility>

#include "text/crisis/rules.h"
#include "text/never_destroyed.h"
#include "text/tables.h"
#include "text/word_list.h"

namespace mime_fast {
namespace {

constexpr std::size_t kTurns = 3;  // the latest turn of the speaker and those before it
constexpr std::size_t kFarthestNegator = 7, kFarthestPerson = 5;  // words before a signal
constexpr std::size_t kImaginedWithin = 3;

// What a rule has found; the order is that in which a message is named.
struct Signal {
  bool is_about_other;
  std::size_t severity;
  auto operator<=>(const Signal&) const = default;
};

// Looks for signals in one sentence.
class SentenceReader {
 public:
  SentenceReader(const CrisisRules& rules, const Sentence& sentence)
      : rules_(rules), sentence_(sentence), present_(sentence.begin(), sentence.end()) {}

  void find(std::set<Signal>& signals) {
    const std::vector<const Rule*> candidates = rules_.candidates(present_);
    if (candidates.empty()) return;
    rules_.idioms->hide(sentence_);
    std::set<Signal> found;  // in this sentence
    for (const Rule* rule : candidates) {
      if (found.contains({rule->is_about_other, rule->severity})) continue;
      if (const auto signal = find(*rule)) found.insert(*signal);
    }
    signals.merge(found);
  }

 private:
  std::optional<Signal> find(const Rule& rule) const {
    for (const Match& match : rule.pattern.search(sentence_)) {
      const auto about_other = is_about_other(rule, match);
      if (about_other && !is_taken_back(rule, match)) return Signal{*about_other, rule.severity};
    }
    return std::nullopt;
  }

  // Whether a match is about somebody else; nothing: about people in general, or the listener.
  std::optional<bool> is_about_other(const Rule& rule, const Match& match) const {
    if (rule.is_about_other) return true;
    if (holds_any(rules_.first_person, match.begin, match.end)) return false;
    std::size_t at = match.begin - 1;
    while (at + kFarthestPerson > match.begin && rules_.between.contains(sentence_[at])) --at;
    if (sentence_[at] == "is" && rules_.nobody.contains(sentence_[at - 1])) return false;
    if (rules_.others.contains(sentence_[at])) return true;
    return rules_.general.contains(sentence_[at]) ? std::nullopt : std::optional(false);
  }

  bool is_taken_back(const Rule& rule, const Match& match) const {
    if (is_denied(match.begin) || is_fiction(match)) return true;
    if (rule.category == CrisisRules::kHarmByOthers) return false;  // it stays grave
    const std::size_t before = match.begin - std::min(match.begin, kImaginedWithin);
    if (rule.category == CrisisRules::kActUnderWay &&
        holds_any(rules_.imagined, before, match.begin)) {
      return true;
    }
    if (rules_.remote.is_in(sentence_)) return !rules_.still.is_in(sentence_);
    Sentence matched = {kEnd};
    matched.insert(matched.end(), place(match.begin), place(match.end));
    matched.push_back(kEnd);
    return rules_.past.is_in(matched) && !rules_.recent.is_in(sentence_);
  }

  bool is_denied(std::size_t begin) const {
    std::size_t at = begin - 1;
    while (at + kFarthestNegator > begin && rules_.fillers.contains(sentence_[at])) --at;
    if (sentence_[at] == "no" && sentence_[at + 1] == "i") return false;  // "No, I want to die"
    return rules_.negators.contains(sentence_[at]);
  }

  // Whether the match is part of a story, a song or a game.
  bool is_fiction(const Match& match) const {
    for (const Pattern& pattern : rules_.fiction_afterwards) {
      if (pattern.match(sentence_, match.end)) return true;
    }
    Sentence before(sentence_.begin(), place(match.begin));
    before.push_back(kEnd);
    return std::any_of(rules_.fiction.begin(), rules_.fiction.end(),
                       [&](const Pattern& pattern) { return pattern.is_in(before); });
  }

  bool holds_any(const Words& words, std::size_t begin, std::size_t end) const {
    return std::any_of(place(begin), place(end),
                       [&](const std::string& word) { return words.contains(word); });
  }

  Sentence::const_iterator place(std::size_t at) const {
    return sentence_.begin() + static_cast<std::ptrdiff_t>(at);
  }

  const CrisisRules& rules_;
  Sentence sentence_;
  Words present_;
};

// The most severe signal of a turn; one of the speaker before one of somebody else.
std::optional<Signal> find_signal(SpeakerTurn& turn) {
  const CrisisRules& rules = crisis_rules();
  const std::string plain = turn.plain(rules.triggers);
  if (!rules.is_triggered_by(plain)) return std::nullopt;
  std::set<Signal> signals;
  for (const Sentence& sentence : turn.sentences(plain)) {
    SentenceReader(rules, sentence).find(signals);
  }
  return signals.empty() ? std::nullopt : std::optional(*signals.begin());
}

}  // namespace

std::optional<Crisis> find_crisis(std::vector<SpeakerTurn>& turns) {
  for (std::size_t i = 0; i < std::min(turns.size(), kTurns); ++i) {
    if (const auto signal = find_signal(turns[i])) {
      return Crisis{.category = crisis_rules().categories[signal->severity],
                    .is_about_self = !signal->is_about_other,
                    .turn = turns[i].place()};
    }
  }
  return std::nullopt;
}

const std::string& crisis_reply(const Crisis& crisis, std::size_t turns) {
  static const auto& replies = never_destroyed<Sections>(read_sections("crisis/replies.txt"));
  if (crisis.turn + 1 < turns) {
    return section(replies, std::string("earlier turn ") + crisis.about()).front();
  }
  const auto found = replies.find(crisis.category + " " + crisis.about());
  if (found != replies.end()) return found->second.front();
  return section(replies, crisis.about()).front();
}

}  // namespace mime_fast
