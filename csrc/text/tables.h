#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace mime_fast {

// The tables that the build puts into the library. Python reads those of mime_fast/text, too.
struct Table {
  const char* name;
  std::string_view text;
};
// name: the path in mime_fast/text, such as "crisis/rules.txt", or in csrc/text.
std::string_view table_text(std::string_view name);

// The lines of a table that are neither empty nor comments, which begin with #.
std::vector<std::string> content_lines(std::string_view name);

using Words = std::unordered_set<std::string>;
// The lines of each section of a table: `[name]` starts one. A line that starts with a blank
// continues the line above.
using Sections = std::map<std::string, std::vector<std::string>, std::less<>>;

Sections read_sections(std::string_view name);
const std::vector<std::string>& section(const Sections& sections, std::string_view name);
const std::vector<std::string>& section(Sections&&, std::string_view) = delete;
Words words_of(const Sections& sections, std::string_view name);
// The lines `left: right` or `left = right` of a section, in their order.
std::vector<std::pair<std::string, std::string>> pairs_of(const Sections& sections,
                                                          std::string_view name);

// What lies between blanks.
std::vector<std::string> split(std::string_view text);
// What lies between marks.
std::vector<std::string> split(std::string_view text, std::string_view mark);
std::string strip(std::string_view text, std::string_view characters = " \t\r\n");

}  // namespace mime_fast
