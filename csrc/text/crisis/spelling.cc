#include "text/crisis/spelling.h"

#include <algorithm>
#include <utility>

#include "io/utf8.h"
#include "text/never_destroyed.h"
#include "text/parts.h"
#include "text/plain_characters.h"
#include "text/regex.h"
#include "text/unicode.h"

namespace mime_fast {
namespace {

constexpr std::size_t kLongestSentence = 80, kOverlap = 25;  // words; a pattern has 25 at most

const Words& kIs =
    never_destroyed<Words>(Words{"tonight", "today", "tomorrow", "he", "she", "it", "that", "there",
                                 "what", "who", "how", "life", "everything"});
const std::pair<std::string_view, const char*> kEndings[] = {{"n't", "not"},  {"'m", "am"},
                                                             {"'re", "are"},  {"'ve", "have"},
                                                             {"'ll", "will"}, {"'d", "would"}};

// Letters of other scripts that look like Latin ones.
const std::unordered_map<std::int32_t, char>& confusable() {
  static const auto& letters = never_destroyed<std::unordered_map<std::int32_t, char>>([] {
    constexpr char32_t kOthers[] =
        U"\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0455\u0501\u04bb\u043a\u043c\u0442"
        U"\u03b1\u03b5\u03bf\u03c1\u03b9\u03ba\u03bd\u0131\u0261\u1d0b\u029f\u026a";
    constexpr std::string_view kLatin = "aeopcyxisdhkmtaeopikvigkli";
    std::unordered_map<std::int32_t, char> found;
    for (std::size_t i = 0; i < kLatin.size(); ++i) {
      found.emplace(static_cast<std::int32_t>(kOthers[i]), kLatin[i]);
    }
    return found;
  }());
  return letters;
}

void for_each_edit(const std::string& word, const auto& call) {
  for (std::size_t i = 0; i <= word.size(); ++i) {
    const std::string head = word.substr(0, i), tail = word.substr(i);
    if (!tail.empty()) call(head + tail.substr(1));
    if (tail.size() > 1) call(head + tail[1] + tail[0] + tail.substr(2));
    for (char letter = 'a'; letter <= 'z'; ++letter) {
      call(head + letter + tail);
      if (!tail.empty()) call(head + letter + tail.substr(1));
    }
  }
}

std::unordered_map<std::string, std::string> read_expansions() {
  const Sections sections = read_sections("crisis/spelling.txt");
  const Words distinct = words_of(sections, "distinct");
  std::vector<std::string> sorted(distinct.begin(), distinct.end());
  std::sort(sorted.begin(), sorted.end());
  std::unordered_map<std::string, std::string> written;
  for (const std::string& word : sorted) {
    for_each_edit(word, [&](const std::string& wrong) { written[wrong] = word; });
  }
  for (const std::string& word : distinct) written.erase(word);
  for (const std::string& word : words_of(sections, "not misspelt")) written.erase(word);
  for (const char* name : {"misspelt", "slang", "contractions"}) {
    for (auto& [word, text] : pairs_of(sections, name)) written[word] = std::move(text);
  }
  return written;
}

std::string with_latin_letters(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::int32_t code_point = next_code_point(text, at);
    const auto found = confusable().find(code_point);
    if (found != confusable().end()) {
      result += found->second;
    } else if (code_point == '\t' || code_point == '\r' || code_point == '\v' ||
               code_point == '\f') {
      result += ' ';
    } else {
      append_utf8(static_cast<std::uint32_t>(code_point), result);
    }
  }
  return result;
}

bool is_printable_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::vector<std::string> contracted(const std::string& token) {
  for (const auto& [ending, word] : kEndings) {
    if (token.ends_with(ending)) return {token.substr(0, token.size() - ending.size()), word};
  }
  const std::size_t at = token.find('\'');
  std::string stem = token.substr(0, at);
  if (token.substr(at + 1) == "s") {
    if (kIs.contains(stem)) return {std::move(stem), "is"};
    return {std::move(stem)};
  }
  std::string whole = token;
  whole.erase(std::remove(whole.begin(), whole.end(), '\''), whole.end());
  return {std::move(whole)};
}

void append_words(const std::string& token, Sentence& sentence) {
  std::vector<std::string> words = {token};
  if (const auto found = expansions().find(token); found != expansions().end()) {
    words = split(found->second);
  } else if (token.find('\'') != std::string::npos) {
    words = contracted(token);
  }
  for (std::string& word : words) sentence.push_back(std::move(word));
}

// Parts of bounded length that overlap, so that the time is linear in the length of the text.
void append_parts(const Sentence& sentence, std::vector<Sentence>& parts) {
  if (sentence.size() <= 2) return;
  if (sentence.size() <= kLongestSentence) return parts.push_back(sentence);
  const std::size_t inner = sentence.size() - 2;
  for (std::size_t begin = 0; begin < inner; begin += kLongestSentence - kOverlap) {
    const auto first = sentence.begin() + 1 + static_cast<std::ptrdiff_t>(begin);
    const std::size_t length = std::min(kLongestSentence, inner - begin);
    Sentence part = {kEnd};
    part.insert(part.end(), first, first + static_cast<std::ptrdiff_t>(length));
    part.push_back(kEnd);
    parts.push_back(std::move(part));
  }
}

}  // namespace

const std::unordered_map<std::string, std::string>& expansions() {
  static const auto& written =
      never_destroyed<std::unordered_map<std::string, std::string>>(read_expansions());
  return written;
}

std::string fold(std::string_view text) {
  std::string plain(text);
  if (!is_printable_ascii(text)) {
    std::string visible;
    for (const std::string_view part : parts_of(text))
      visible += plain_characters().normalize(part);
    plain = with_latin_letters(without_marks(normalized(visible, Form::nfd)));
  }
  plain = lower(plain);
  std::replace(plain.begin(), plain.end(), '`', '\'');
  return plain;
}

std::vector<Sentence> sentences_of(std::string_view plain) {
  static const auto& own_self =
      never_destroyed<Regex>("(?<![\\p{L}\\p{N}_])(?:my|him|her) self(?![\\p{L}\\p{N}_])");
  static const auto& token =
      never_destroyed<Regex>("[\\p{L}\\p{N}]+(?:'[\\p{L}\\p{N}]+)*|(?<!\\.)[.](?!\\.)|[!?;]+");
  constexpr std::string_view kSelf = " self";
  const std::string text = own_self.replace(plain, [&](std::string_view match) {
    return std::string(match.substr(0, match.size() - kSelf.size())) + "self";
  });
  std::vector<Sentence> parts;
  Sentence sentence = {kEnd};
  for (const Span& span : token.find_all(text)) {
    const std::string word = text.substr(span.begin, span.end - span.begin);
    if (std::string_view(".!?;").find(word[0]) == std::string_view::npos) {
      append_words(word, sentence);
      continue;
    }
    sentence.push_back(kEnd);
    append_parts(sentence, parts);
    sentence = {kEnd};
  }
  sentence.push_back(kEnd);
  append_parts(sentence, parts);
  return parts;
}

}  // namespace mime_fast
