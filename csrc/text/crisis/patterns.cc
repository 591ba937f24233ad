#include "text/crisis/patterns.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <stdexcept>

namespace mime_fast {
namespace {

bool ends_gap(const std::string& word) {
  return word == kEnd || word == "not" || word == "never" || word == "no";
}

const std::string& word_at(const Sentence& sentence, std::size_t at) {
  return at < sentence.size() ? sentence[at] : kEnd;
}

bool is_at(const Element::Phrase& phrase, const Sentence& sentence, std::size_t at) {
  return phrase.size() == 1 || (at + phrase.size() <= sentence.size() &&
                                std::equal(phrase.begin(), phrase.end(),
                                           sentence.begin() + static_cast<std::ptrdiff_t>(at)));
}

}  // namespace

bool Pattern::may_match(const Words& present) const {
  return std::all_of(needed_.begin(), needed_.end(), [&](const Element* element) {
    return std::any_of(present.begin(), present.end(),
                       [&](const std::string& word) { return element->words.contains(word); });
  });
}

std::vector<Match> Pattern::search(const Sentence& sentence) const {
  const Element& first = *elements_.front();
  const bool is_fixed = first.least > 0 && first.gap == 0 && !first.has("<") && !first.has(">");
  std::vector<Match> found;
  for (std::size_t at = 1; at + 1 < sentence.size(); ++at) {
    if (is_fixed && !first.starts.contains(sentence[at])) continue;
    if (const auto end = match(sentence, at)) found.push_back({at, *end});
  }
  return found;
}

std::optional<std::size_t> Pattern::match(const Sentence& sentence, std::size_t at,
                                          std::size_t number) const {
  if (number == elements_.size()) return at;
  const Element& element = *elements_[number];
  if (element.gap > 0) return match_gap(sentence, at, number);
  const std::string& word = word_at(sentence, at);
  if (const auto phrases = element.starts.find(word); phrases != element.starts.end()) {
    for (const Element::Phrase& phrase : phrases->second) {
      if (!is_at(phrase, sentence, at)) continue;
      if (const auto end = match_again(sentence, at + phrase.size(), number)) return end;
    }
  }
  const bool starts = element.has("<") && word_at(sentence, at - 1) == kEnd;
  const bool ends = element.has(">") && word == kEnd;
  if (element.least == 0 || starts || ends) return match(sentence, at, number + 1);
  return std::nullopt;
}

// Continues behind one phrase of an element, which may have up to two more.
std::optional<std::size_t> Pattern::match_again(const Sentence& sentence, std::size_t at,
                                                std::size_t number) const {
  const Element& element = *elements_[number];
  for (std::size_t times = 1; times < element.most; ++times, ++at) {
    const auto phrases = element.starts.find(word_at(sentence, at));
    if (phrases == element.starts.end()) break;
    const auto is_single = [](const Element::Phrase& phrase) { return phrase.size() == 1; };
    if (std::none_of(phrases->second.begin(), phrases->second.end(), is_single)) break;
    if (const auto end = match(sentence, at, number + 1)) return end;
  }
  return match(sentence, at, number + 1);
}

std::optional<std::size_t> Pattern::match_gap(const Sentence& sentence, std::size_t at,
                                              std::size_t number) const {
  for (std::size_t place = at; place <= at + elements_[number]->gap; ++place) {
    if (const auto end = match(sentence, place, number + 1)) return end;
    if (ends_gap(word_at(sentence, place))) break;
  }
  return std::nullopt;
}

PatternSet::PatternSet(PatternReader& reader, std::vector<std::string> lines) {
  std::sort(lines.begin(), lines.end());
  for (const std::string& line : lines) {
    patterns_.push_back(reader.read(line));
    for (const std::string& word : patterns_.back().needed().front()->words) {
      of_word_[word].push_back(patterns_.size() - 1);
    }
  }
}

bool PatternSet::matches(const Sentence& sentence) const {
  const std::vector<const Pattern*> found = candidates(sentence);
  return std::any_of(found.begin(), found.end(),
                     [&](const Pattern* pattern) { return pattern->is_in(sentence); });
}

void PatternSet::hide(Sentence& sentence) const {
  for (const Pattern* pattern : candidates(sentence)) {
    for (const Match& match : pattern->search(sentence)) {
      const auto begin = sentence.begin();
      std::fill(begin + static_cast<std::ptrdiff_t>(match.begin),
                begin + static_cast<std::ptrdiff_t>(match.end), "_");
    }
  }
}

std::vector<const Pattern*> PatternSet::candidates(const Sentence& sentence) const {
  const Words present(sentence.begin(), sentence.end());
  std::set<std::size_t> numbers;
  for (const std::string& word : present) {
    const auto found = of_word_.find(word);
    if (found != of_word_.end()) numbers.insert(found->second.begin(), found->second.end());
  }
  std::vector<const Pattern*> found;
  for (const std::size_t number : numbers) {
    if (patterns_[number].may_match(present)) found.push_back(&patterns_[number]);
  }
  return found;
}

PatternReader::PatternReader() {
  const Sections words = read_sections("crisis/words.txt");
  const auto read = [&](const char* name) {
    Classes classes;
    for (auto& [left, right] : pairs_of(words, name)) classes[left] = std::move(right);
    return classes;
  };
  both_ = read("both");
  self_ = read("self");
  other_ = read("other");
  double rank = 0;
  const Sections frequent = read_sections("crisis/frequent.txt");
  for (const std::string& line : section(frequent, "words")) {
    for (const std::string& word : split(line)) costs_[word] = 1 + 1000 / ++rank;
  }
}

Pattern PatternReader::read(const std::string& pattern, bool other) {
  Pattern result;
  for (const std::string& item : split(pattern)) {
    result.elements_.push_back(element(item, other && is_versioned(item)));
    const Element* added = result.elements_.back().get();
    if (!added->words.empty()) result.needed_.push_back(added);
  }
  if (result.needed_.empty()) {
    throw std::logic_error("the pattern " + pattern + " needs an element that is not optional");
  }
  std::stable_sort(result.needed_.begin(), result.needed_.end(),
                   [](const Element* a, const Element* b) { return a->cost < b->cost; });
  return result;
}

bool PatternReader::has_versions(const std::string& pattern) {
  for (const std::string& item : split(pattern)) {
    if (is_versioned(item) && element(item, true)->starts != element(item, false)->starts) {
      return true;
    }
  }
  return false;
}

// Whether an item, or a class that it names, has two versions.
bool PatternReader::is_versioned(const std::string& item) const {
  if (item.find('$') != std::string::npos) return true;
  for (std::size_t at = item.find('@'); at != std::string::npos; at = item.find('@', at + 1)) {
    const std::size_t end = item.find_first_of("|?*@", at + 1);
    const auto found = both_.find(item.substr(at + 1, end - at - 1));
    if (found == both_.end() || found->second.find('$') != std::string::npos) return true;
  }
  return false;
}

std::shared_ptr<const Element> PatternReader::element(const std::string& item, bool other) {
  std::shared_ptr<const Element>& known = elements_[item + (other ? "$" : "")];
  if (!known) known = std::make_shared<const Element>(new_element(item, other));
  return known;
}

Element PatternReader::new_element(const std::string& item, bool other) {
  Element result;
  if (item[0] == '~') {
    result.gap = static_cast<std::size_t>(std::stoi(item.substr(1)));
    return result;
  }
  const char suffix = item.back() == '?' || item.back() == '*' ? item.back() : '\0';
  if (suffix != '\0') result.least = 0;
  if (suffix == '*') result.most = 3;
  for (const std::string& choice :
       split(std::string_view(item).substr(0, item.size() - (suffix == '\0' ? 0 : 1)), "|")) {
    const bool is_class = choice[0] == '@' || choice[0] == '$';
    for (const std::string& phrase :
         is_class ? members(choice.substr(1), other) : std::vector<std::string>{choice}) {
      Element::Phrase words = split(phrase);
      std::vector<Element::Phrase>& same = result.starts[words.front()];
      if (std::find(same.begin(), same.end(), words) == same.end()) same.push_back(words);
    }
  }
  find_rarest(result);
  return result;
}

void PatternReader::find_rarest(Element& element) const {
  if (element.least == 0 || element.has("<") || element.has(">")) return;
  const auto frequency = [&](const std::string& word, double unknown) {
    const auto found = costs_.find(word);
    return found == costs_.end() ? unknown : found->second;
  };
  for (const auto& [start, phrases] : element.starts) {
    for (const Element::Phrase& phrase : phrases) {
      element.words.insert(*std::min_element(
          phrase.begin(), phrase.end(), [&](const std::string& a, const std::string& b) {
            const double left = frequency(a, 0), right = frequency(b, 0);
            return left < right || (left == right && a.size() > b.size());
          }));
    }
  }
  for (const std::string& word : element.words) element.cost += frequency(word, 0.3);
}

const std::vector<std::string>& PatternReader::members(const std::string& name, bool other) {
  const Key key = name + (other ? "$" : "");
  if (const auto known = members_.find(key); known != members_.end()) return known->second;
  const Classes& versions = other ? other_ : self_;
  const auto version = versions.find(name);
  const std::string& listed = version != versions.end() ? version->second : both_.at(name);
  std::vector<std::string> phrases;
  for (const std::string& part : split(listed, ",")) {
    for (std::string& phrase : filled(part, other)) phrases.push_back(std::move(phrase));
  }
  return members_[key] = std::move(phrases);
}

// A phrase for each way to fill the classes that it names.
std::vector<std::string> PatternReader::filled(const std::string& phrase, bool other) {
  const std::size_t at = phrase.find_first_of("@$");
  if (at == std::string::npos) return {phrase};
  const auto is_in_name = [](char c) { return c == '_' || std::isalnum(c) != 0; };
  std::size_t end = at + 1;
  while (end < phrase.size() && is_in_name(phrase[end])) ++end;
  std::vector<std::string> phrases;
  for (const std::string& word : std::vector(members(phrase.substr(at + 1, end - at - 1), other))) {
    for (std::string& whole : filled(phrase.substr(0, at) + word + phrase.substr(end), other)) {
      phrases.push_back(std::move(whole));
    }
  }
  return phrases;
}

}  // namespace mime_fast
