#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct re_pattern_buffer;  // of Oniguruma

namespace mime_fast {

// The bytes [begin, end) of a text.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// A regular expression over UTF-8, run by Oniguruma: the library that `tokenizers` uses, with the
// same syntax. Any number of threads may use one.
class Regex {
 public:
  // Throws std::invalid_argument that names the pattern.
  explicit Regex(std::string_view pattern);

  // Returns the first match that begins at `from` or later, as the expression's group `group`.
  // Returns false if there is none.
  bool find(std::string_view text, std::size_t from, Span& match, int group = 0) const;
  bool is_in(std::string_view text) const;
  // All matches from left to right; an empty one does not follow another match at once.
  std::vector<Span> find_all(std::string_view text) const;

  // Writes `replacement(match)`, a text, for each match.
  template <typename Replacement>
  std::string replace(std::string_view text, Replacement&& replacement) const {
    std::string result;
    std::size_t end = 0;
    for (const Span& match : find_all(text)) {
      result.append(text, end, match.begin - end);
      result += replacement(text.substr(match.begin, match.end - match.begin));
      end = match.end;
    }
    return result.append(text, end);
  }

 private:
  struct Free {
    void operator()(re_pattern_buffer* expression) const;
  };
  std::unique_ptr<re_pattern_buffer, Free> expression_;
};

}  // namespace mime_fast
