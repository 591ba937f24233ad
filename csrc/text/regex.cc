#include "text/regex.h"

#include <oniguruma.h>

#include <mutex>
#include <optional>
#include <stdexcept>

#include "io/json.h"
#include "io/utf8.h"

namespace mime_fast {
namespace {

const OnigUChar* bytes_of(std::string_view text) {
  return reinterpret_cast<const OnigUChar*>(text.data());
}

std::string message_of(int code, OnigErrorInfo* details = nullptr) {
  OnigUChar buffer[ONIG_MAX_ERROR_MESSAGE_LEN];
  const int length = details != nullptr ? onig_error_code_to_str(buffer, code, details)
                                        : onig_error_code_to_str(buffer, code);
  return std::string(reinterpret_cast<const char*>(buffer), static_cast<std::size_t>(length));
}

// Oniguruma's own initialisation is not safe among threads.
void initialize() {
  static std::once_flag once;
  std::call_once(once, [] {
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    onig_initialize(encodings, 1);
  });
}

struct FreeRegion {
  void operator()(OnigRegion* region) const { onig_region_free(region, 1); }
};

}  // namespace

void Regex::Free::operator()(re_pattern_buffer* expression) const { onig_free(expression); }

Regex::Regex(std::string_view pattern) {
  initialize();
  OnigRegex expression = nullptr;
  OnigErrorInfo details;
  const OnigUChar* const begin = bytes_of(pattern);
  const int code = onig_new(&expression, begin, begin + pattern.size(), ONIG_OPTION_NONE,
                            ONIG_ENCODING_UTF8, ONIG_SYNTAX_DEFAULT, &details);
  if (code != ONIG_NORMAL) {
    throw std::invalid_argument("the regular expression " + quoted(pattern) +
                                " is malformed: " + message_of(code, &details));
  }
  expression_.reset(expression);
}

bool Regex::find(std::string_view text, std::size_t from, Span& match, int group) const {
  thread_local const std::unique_ptr<OnigRegion, FreeRegion> region(onig_region_new());
  const OnigUChar* const begin = bytes_of(text);
  const OnigUChar* const end = begin + text.size();
  const int found =
      onig_search(expression_.get(), begin, end, begin + from, end, region.get(), ONIG_OPTION_NONE);
  if (found == ONIG_MISMATCH) return false;
  if (found < 0) {
    throw std::runtime_error("a regular expression cannot be matched: " + message_of(found));
  }
  match = {static_cast<std::size_t>(region->beg[group]),
           static_cast<std::size_t>(region->end[group])};
  return true;
}

bool Regex::is_in(std::string_view text) const {
  Span match;
  return find(text, 0, match);
}

std::vector<Span> Regex::find_all(std::string_view text) const {
  std::vector<Span> found;
  std::size_t from = 0;
  for (Span match; from <= text.size() && find(text, from, match);) {
    if (match.begin == match.end && !found.empty() && found.back().end == match.end) {
      if (from == text.size()) break;
      from += utf8_length(text.substr(from));
    } else {
      found.push_back(match);
      from = match.end;
    }
  }
  return found;
}

}  // namespace mime_fast
