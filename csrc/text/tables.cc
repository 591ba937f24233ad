#include "text/tables.h"

#include <stdexcept>

namespace mime_fast {

extern const Table kTables[];  // written by csrc/library.cmake
extern const std::size_t kTableCount;

std::string_view table_text(std::string_view name) {
  for (std::size_t i = 0; i < kTableCount; ++i) {
    if (kTables[i].name == name) return kTables[i].text;
  }
  throw std::logic_error("no table " + std::string(name));
}

std::vector<std::string> content_lines(std::string_view name) {
  std::vector<std::string> lines;
  for (std::string& line : split(table_text(name), "\n")) {
    if (!line.empty() && line[0] != '#') lines.push_back(std::move(line));
  }
  return lines;
}

Sections read_sections(std::string_view name) {
  Sections sections;
  std::vector<std::string>* lines = nullptr;
  for (const std::string& line : content_lines(name)) {
    if (line[0] == '[') {
      lines = &sections[strip(line, "[]")];
    } else if (line[0] == ' ') {
      lines->back() += " " + strip(line);
    } else {
      lines->push_back(line);
    }
  }
  return sections;
}

const std::vector<std::string>& section(const Sections& sections, std::string_view name) {
  const auto found = sections.find(name);
  if (found == sections.end()) throw std::logic_error("no section " + std::string(name));
  return found->second;
}

Words words_of(const Sections& sections, std::string_view name) {
  Words words;
  for (const std::string& line : section(sections, name)) {
    for (std::string& word : split(line)) words.insert(std::move(word));
  }
  return words;
}

std::vector<std::pair<std::string, std::string>> pairs_of(const Sections& sections,
                                                          std::string_view name) {
  const std::vector<std::string>& lines = section(sections, name);
  const std::string mark = lines.at(0).find(" = ") != std::string::npos ? " = " : ": ";
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const std::string& line : lines) {
    const std::size_t at = line.find(mark);
    if (at == std::string::npos) {
      pairs.emplace_back(line, "");
    } else {
      pairs.emplace_back(line.substr(0, at), line.substr(at + mark.size()));
    }
  }
  return pairs;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  for (std::string& part : split(text, " ")) {
    if (!part.empty()) parts.push_back(std::move(part));
  }
  return parts;
}

std::vector<std::string> split(std::string_view text, std::string_view mark) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t end = text.find(mark); end != std::string_view::npos;
       end = text.find(mark, begin)) {
    parts.emplace_back(text.substr(begin, end - begin));
    begin = end + mark.size();
  }
  parts.emplace_back(text.substr(begin));
  return parts;
}

std::string strip(std::string_view text, std::string_view characters) {
  const std::size_t begin = text.find_first_not_of(characters);
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(characters) - begin + 1));
}

}  // namespace mime_fast
