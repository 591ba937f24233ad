#include "text/unicode_lexicon.h"

#include <utility>

#include "text/never_destroyed.h"
#include "text/tables.h"
#include "text/unicode.h"

namespace mime_fast {
namespace {

class UnicodeLexicon final : public Lexicon {
 public:
  UnicodeLexicon() {
    for (const std::string& line : content_lines("proper_nouns.txt")) {
      for (std::string& word : split(line)) proper_nouns_.insert(std::move(word));
    }
  }

  bool is_proper_noun(const std::string& word) const override {
    return proper_nouns_.contains(word);
  }
  bool is_letter_or_number(std::int32_t code_point) const override {
    return mime_fast::is_letter_or_number(code_point);
  }
  std::int32_t capital_of(std::int32_t letter) const override {
    return mime_fast::capital_of(letter);
  }

 private:
  Words proper_nouns_;
};

}  // namespace

const Lexicon& unicode_lexicon() {
  static const auto& lexicon = never_destroyed<UnicodeLexicon>();
  return lexicon;
}

}  // namespace mime_fast
