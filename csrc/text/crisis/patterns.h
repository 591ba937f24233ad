#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/crisis/spelling.h"
#include "text/tables.h"

namespace mime_fast {

// One element of a pattern: phrases of which one matches, or a gap of so many words at most.
struct Element {
  using Phrase = std::vector<std::string>;

  std::size_t least = 1, most = 1;  // times in a row
  std::size_t gap = 0;
  std::unordered_map<std::string, std::vector<Phrase>> starts;  // by the first word, in their order
  Words words;      // a text that the element matches holds one; empty: it need not hold any
  double cost = 0;  // how often one of `words` occurs, roughly

  bool has(const char* mark) const { return starts.contains(mark); }
};

// The words [begin, end) of a sentence.
struct Match {
  std::size_t begin = 0, end = 0;
};

// A pattern of the tables; mime_fast/text/crisis/patterns.py describes the language.
class Pattern {
 public:
  // The end of the match that begins at word `at` of a sentence; nothing: there is none.
  std::optional<std::size_t> match(const Sentence& sentence, std::size_t at) const {
    return match(sentence, at, 0);
  }
  // The match at each word of a sentence where there is one.
  std::vector<Match> search(const Sentence& sentence) const;
  bool is_in(const Sentence& sentence) const { return !search(sentence).empty(); }

  // Elements of each of which a text must hold a word; the first has the least frequent words.
  const std::vector<const Element*>& needed() const { return needed_; }
  bool may_match(const Words& present) const;

 private:
  friend class PatternReader;

  std::optional<std::size_t> match(const Sentence& sentence, std::size_t at,
                                   std::size_t number) const;
  std::optional<std::size_t> match_again(const Sentence& sentence, std::size_t at,
                                         std::size_t number) const;
  std::optional<std::size_t> match_gap(const Sentence& sentence, std::size_t at,
                                       std::size_t number) const;

  std::vector<std::shared_ptr<const Element>> elements_;
  std::vector<const Element*> needed_;
};

class PatternReader;

// Patterns, by words of which a sentence must hold one.
class PatternSet {
 public:
  // lines: the patterns, in any order.
  PatternSet(PatternReader& reader, std::vector<std::string> lines);

  // Whether any pattern matches in a sentence.
  bool matches(const Sentence& sentence) const;
  // Writes "_" for each word of a match; one pattern after the other, in the order of their text.
  void hide(Sentence& sentence) const;

 private:
  std::vector<const Pattern*> candidates(const Sentence& sentence) const;

  std::vector<Pattern> patterns_;
  std::unordered_map<std::string, std::vector<std::size_t>> of_word_;  // their numbers
};

// Reads patterns, with the classes of words.txt. One thread uses it.
class PatternReader {
 public:
  PatternReader();

  // other: with the words of somebody else, where a class has two versions.
  Pattern read(const std::string& pattern, bool other = false);
  // Whether the pattern has a version for somebody else.
  bool has_versions(const std::string& pattern);
  // The phrases of a class.
  const std::vector<std::string>& members(const std::string& name, bool other);

 private:
  using Classes = std::unordered_map<std::string, std::string>;
  using Key = std::string;  // an item, and behind it the version

  std::shared_ptr<const Element> element(const std::string& item, bool other);
  Element new_element(const std::string& item, bool other);
  std::vector<std::string> filled(const std::string& phrase, bool other);
  bool is_versioned(const std::string& item) const;
  void find_rarest(Element& element) const;

  Classes both_, self_, other_;
  std::unordered_map<std::string, double> costs_;  // how often a frequent word occurs
  std::unordered_map<Key, std::vector<std::string>> members_;
  std::unordered_map<Key, std::shared_ptr<const Element>> elements_;
};

}  // namespace mime_fast
