#include "text/bert_words.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>

#include "io/utf8.h"
#include "text/never_destroyed.h"
#include "text/tables.h"
#include "text/unicode.h"
#include "text/white_space.h"

namespace mime_fast {
namespace {

struct Range {
  std::int32_t first, last;
};
using Ranges = std::vector<Range>;  // sorted

bool is_in(std::int32_t code_point, const Ranges& ranges) {
  const auto behind =
      std::upper_bound(ranges.begin(), ranges.end(), code_point,
                       [](std::int32_t value, const Range& range) { return value < range.first; });
  return behind != ranges.begin() && code_point <= std::prev(behind)->last;
}

// A category of the table: code points and ranges of them, in hexadecimal.
Ranges read_category(const Sections& sections, std::string_view name) {
  Ranges ranges;
  for (const std::string& line : section(sections, name)) {
    for (const std::string& item : split(line)) {
      const std::vector<std::string> ends = split(item, "-");
      ranges.push_back({std::stoi(ends.front(), nullptr, 16), std::stoi(ends.back(), nullptr, 16)});
    }
  }
  return ranges;
}

struct Categories {
  Ranges control, mark, punctuation;
};

const Categories& categories() {
  static const auto& found = never_destroyed<Categories>([] {
    const Sections sections = read_sections("bert_categories.txt");
    return Categories{.control = read_category(sections, "control"),
                      .mark = read_category(sections, "mark"),
                      .punctuation = read_category(sections, "punctuation")};
  }());
  return found;
}

// The blocks of ideographs that BERT's authors list.
bool is_chinese(std::int32_t code_point) {
  constexpr Range kBlocks[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},
                               {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F},
                               {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F}};
  return std::any_of(std::begin(kBlocks), std::end(kBlocks), [&](const Range& block) {
    return code_point >= block.first && code_point <= block.last;
  });
}

// A code point, and whether it is not the first of those that a character is decomposed to.
struct Part {
  std::int32_t code_point;
  bool is_added;
};

struct Decomposed {
  std::vector<Part> parts;
  std::vector<Span> origins;  // of the parts that are not added
};

// The characters decomposed; blanks stand for white space and around Chinese ones.
Decomposed decompose_all(std::string_view text) {
  Decomposed found;
  std::vector<std::int32_t> parts;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const std::int32_t code_point = next_code_point(text, at);
    if (code_point == 0 || is_in(code_point, categories().control)) continue;
    parts.clear();
    if (is_white_space(code_point)) {
      parts.push_back(' ');
    } else {
      decompose(code_point, parts);
    }
    const bool is_apart = is_chinese(code_point);
    const auto add = [&](std::int32_t part, bool is_added) {
      found.parts.push_back({part, is_added});
      if (!is_added) found.origins.push_back({begin, at});
    };
    if (is_apart) add(' ', false);
    for (std::size_t i = 0; i < parts.size(); ++i) add(parts[i], i > 0);
    if (is_apart) add(' ', false);
  }
  return found;
}

// Sorts the marks. As in `tokenizers`, what is not added has the origins in their old order, and
// what is added that of the part before it.
std::vector<BertCharacter> sorted(Decomposed&& decomposed) {
  sort_marks(decomposed.parts, [](const Part& part) { return part.code_point; });
  std::vector<BertCharacter> characters;
  auto origin = decomposed.origins.begin();
  for (const Part& part : decomposed.parts) {
    if (!part.is_added && !characters.empty()) ++origin;
    characters.push_back({part.code_point, *origin});
  }
  return characters;
}

}  // namespace

std::vector<BertWord> bert_words(std::string_view text) {
  std::vector<BertWord> words;
  bool is_inside = false;
  for (const BertCharacter& character : sorted(decompose_all(text))) {
    const std::int32_t code_point = character.code_point;
    if (is_in(code_point, categories().mark)) continue;
    if (code_point == ' ') {
      is_inside = false;
      continue;
    }
    const std::int32_t letter = lower_of(code_point);
    const bool is_alone = is_in(letter, categories().punctuation);
    if (!is_inside || is_alone) words.emplace_back();
    words.back().push_back({letter, character.origin});
    is_inside = !is_alone;
  }
  return words;
}

}  // namespace mime_fast
