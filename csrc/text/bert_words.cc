#include "text/bert_words.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>

#include "text/never_destroyed.h"
#include "text/tables.h"
#include "text/unicode.h"

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

// The characters decomposed; blanks stand for white space and around Chinese ones.
std::vector<BertCharacter> decompose_all(std::string_view text) {
  std::vector<BertCharacter> characters;
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
    if (is_chinese(code_point)) {
      parts.insert(parts.begin(), ' ');
      parts.push_back(' ');
    }
    for (const std::int32_t part : parts) characters.push_back({part, {begin, at}});
  }
  return characters;
}

// Sorts the marks. As in `tokenizers`, the origins keep their places.
void sort_code_points(std::vector<BertCharacter>& characters) {
  std::vector<std::int32_t> code_points;
  for (const BertCharacter& character : characters) code_points.push_back(character.code_point);
  sort_marks(code_points);
  for (std::size_t i = 0; i < characters.size(); ++i) characters[i].code_point = code_points[i];
}

}  // namespace

std::vector<BertWord> bert_words(std::string_view text) {
  std::vector<BertCharacter> characters = decompose_all(text);
  sort_code_points(characters);
  std::vector<BertWord> words;
  bool is_inside = false;
  for (const BertCharacter& character : characters) {
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
