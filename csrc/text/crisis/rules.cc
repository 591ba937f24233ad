#include "text/crisis/rules.h"

#include <algorithm>
#include <set>
#include <utility>

#include "io/utf8.h"
#include "text/crisis/spelling.h"
#include "text/never_destroyed.h"
#include "text/unicode.h"

namespace mime_fast {
namespace {

// Most severe first, by which a message with several signals is named.
constexpr const char* kCategories[] = {"act_under_way",     "intent_or_plan",  "method",
                                       "suicidal_thoughts", "wish_to_be_dead", "harm_by_others",
                                       "harm_to_others"};

std::vector<Pattern> read_all(PatternReader& reader, const std::vector<std::string>& lines) {
  std::vector<Pattern> patterns;
  for (const std::string& line : lines) patterns.push_back(reader.read(line));
  return patterns;
}

template <typename Index>
std::set<std::size_t> numbers_of(const Index& index, const Words& present) {
  std::set<std::size_t> numbers;
  for (const std::string& word : present) {
    const auto found = index.find(word);
    if (found != index.end()) numbers.insert(found->second.begin(), found->second.end());
  }
  return numbers;
}

template <typename Index>
void add_to(Index& index, const Pattern& pattern, std::size_t number) {
  for (const std::string& word : pattern.needed().front()->words) index[word].push_back(number);
}

}  // namespace

CrisisRules::CrisisRules() : categories(std::begin(kCategories), std::end(kCategories)) {
  PatternReader reader;
  read_rules(reader);
  read_exceptions(reader);
  find_triggers();
}

void CrisisRules::read_rules(PatternReader& reader) {
  const Sections listed = read_sections("crisis/rules.txt");
  for (std::size_t severity = 0; severity < categories.size(); ++severity) {
    const std::string_view category = kCategories[severity];
    const auto add = [&](const std::string& line, bool other, bool is_about_other) {
      rules_.push_back({.severity = severity,
                        .category = category,
                        .is_about_other = is_about_other,
                        .pattern = reader.read(line, other)});
    };
    const std::vector<std::string>& own = section(listed, category);
    for (const std::string& line : own) add(line, false, false);
    for (const std::string& line : own) {
      if (reader.has_versions(line)) add(line, true, true);
    }
    const auto of_others = listed.find(std::string(category) + " other");
    if (of_others == listed.end()) continue;
    for (const std::string& line : of_others->second) add(line, false, true);
  }
  for (std::size_t number = 0; number < rules_.size(); ++number) {
    add_to(rules_of_, rules_[number].pattern, number);
  }
}

void CrisisRules::read_exceptions(PatternReader& reader) {
  const Sections listed = read_sections("crisis/exceptions.txt");
  first_person = words_of(listed, "first person");
  between = words_of(listed, "between");
  nobody = words_of(listed, "nobody");
  others = words_of(listed, "others");
  general = words_of(listed, "general");
  imagined = words_of(listed, "imagined");
  fillers = words_of(listed, "fillers");
  negators = words_of(listed, "negators");
  for (const std::string& person : reader.members("person", false)) {
    const std::string word = strip(person);
    if (!general.contains(word)) others.insert(word);
  }
  remote = reader.read("@remote");
  still = reader.read("@still");
  past = reader.read("@past");
  recent = reader.read("@recent");
  fiction = read_all(reader, section(listed, "fiction"));
  fiction_afterwards = read_all(reader, section(listed, "fiction afterwards"));
  idioms = std::make_unique<const PatternSet>(reader, section(listed, "idioms"));
}

// A word that is written for another triggers if any word of the other does.
void CrisisRules::find_triggers() {
  for (const auto& [word, numbers] : rules_of_) triggers.insert(word);
  for (const auto& [word, text] : expansions()) {
    const std::vector<std::string> written = split(text);
    if (std::any_of(written.begin(), written.end(),
                    [&](const std::string& each) { return rules_of_.contains(each); })) {
      triggers.insert(word);
    }
  }
}

std::vector<const Rule*> CrisisRules::candidates(const Words& present) const {
  std::vector<const Rule*> found;
  for (const std::size_t number : numbers_of(rules_of_, present)) {
    if (rules_[number].pattern.may_match(present)) found.push_back(&rules_[number]);
  }
  return found;
}

bool CrisisRules::is_triggered_by(std::string_view plain) const {
  std::string word;
  for (std::size_t at = 0; at < plain.size();) {
    const std::size_t begin = at;
    if (is_letter_or_number(next_code_point(plain, at))) {
      word.append(plain, begin, at - begin);
    } else {
      if (triggers.contains(word)) return true;
      word.clear();
    }
  }
  return triggers.contains(word);
}

const CrisisRules& crisis_rules() {
  static const auto& rules = never_destroyed<CrisisRules>();
  return rules;
}

}  // namespace mime_fast
