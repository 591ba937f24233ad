#include "text/letter_case.h"

#include <cstddef>

#include "io/utf8.h"
#include "text/never_destroyed.h"
#include "text/regex.h"
#include "text/unicode.h"

namespace mime_fast {
namespace {

constexpr const char* kSigma = "\u03a3";
constexpr const char* kFinalSigma = "\u03c2";

// The last character of a text.
std::string_view last_character(std::string_view text) {
  std::size_t at = text.size() - 1;
  while (at > 0 && is_continuation(text[at])) --at;
  return text.substr(at);
}

// Whether the last character that has to do with case has one. A sigma before ends the search, so
// that a text of sigmas is read once.
bool ends_cased(std::string_view text) {
  static const auto& ignorable = never_destroyed<Regex>("\\p{Case_Ignorable}");
  static const auto& cased = never_destroyed<Regex>("\\p{Cased}");
  while (!text.empty()) {
    const std::string_view last = last_character(text);
    if (!ignorable.is_in(last)) return cased.is_in(last);
    text.remove_suffix(last.size());
  }
  return false;
}

// Whether a capital sigma between these texts is in Unicode's context Final_Sigma.
bool ends_word(std::string_view before, std::string_view after) {
  static const auto& cased_after = never_destroyed<Regex>("\\A\\p{Case_Ignorable}*+\\p{Cased}");
  return ends_cased(before) && !cased_after.is_in(after);
}

}  // namespace

std::string lower_text(std::string_view text) {
  const std::size_t size = std::string_view(kSigma).size();
  std::string result;
  std::size_t from = 0;
  for (std::size_t at = text.find(kSigma); at != std::string_view::npos;
       at = text.find(kSigma, from)) {
    if (ends_word(text.substr(0, at), text.substr(at + size))) {
      result += lower(text.substr(from, at - from)) + kFinalSigma;
    } else {
      result += lower(text.substr(from, at + size - from));
    }
    from = at + size;
  }
  return result + lower(text.substr(from));
}

std::string with_first_capital(std::string_view text) {
  if (text.empty()) return "";
  std::size_t behind = 0;
  const std::string first = upper(next_code_point(text, behind));
  return first + std::string(text.substr(behind));
}

}  // namespace mime_fast
