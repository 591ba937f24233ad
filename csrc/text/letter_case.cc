#include "text/letter_case.h"

#include <cstddef>

#include "text/never_destroyed.h"
#include "text/regex.h"
#include "text/unicode.h"

namespace mime_fast {
namespace {

constexpr const char* kSigma = "\u03a3";
constexpr const char* kFinalSigma = "\u03c2";

// Whether a capital sigma between these texts is in Unicode's context Final_Sigma.
bool ends_word(std::string_view before, std::string_view after) {
  static const auto& cased_before =
      never_destroyed<Regex>("[\\p{Cased}&&[^\\p{Case_Ignorable}]]\\p{Case_Ignorable}*+\\z");
  static const auto& cased_after = never_destroyed<Regex>("\\A\\p{Case_Ignorable}*+\\p{Cased}");
  return cased_before.is_in(before) && !cased_after.is_in(after);
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
