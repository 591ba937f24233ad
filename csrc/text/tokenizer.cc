#include "text/tokenizer.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "io/utf8.h"
#include "search/special.h"
#include "text/unicode.h"
#include "text/white_space.h"

namespace mime_fast {
namespace {

constexpr std::array<const char*, 7> kSpecialWords = {"UNK", "PAD", "EOS", "SOS",
                                                      "USR", "SYS", "CLS"};

bool is_given(const JsonValue* value) {
  if (value == nullptr || value->is_null()) return false;
  const auto* items = std::get_if<JsonValue::Array>(&value->data());
  return items == nullptr || !items->empty();
}

const JsonValue& part(const JsonValue& document, const char* name) {
  const JsonValue* found = document.find(name);
  if (!is_given(found)) throw std::invalid_argument(std::string("it holds no ") + name);
  return *found;
}

std::string type_of(const JsonValue& document) {
  const JsonValue* type = document.find("type");
  return type == nullptr ? "" : type->string();
}

void check_parts(const JsonValue& document) {
  for (const char* name : {"added_tokens", "truncation", "padding", "post_processor"}) {
    if (!is_given(document.find(name))) continue;
    throw std::invalid_argument(std::string(name) +
                                " must be empty: the ids would not be the words of the text");
  }
  const std::string splitter = type_of(part(document, "pre_tokenizer"));
  if (splitter != "WhitespaceSplit") {
    throw std::invalid_argument("its pre_tokenizer is of type " + quoted(splitter) +
                                ", and this library knows WhitespaceSplit");
  }
}

// The words by their ids, which must be 0 to size - 1, each once.
std::vector<std::string> read_words(const JsonValue& model) {
  if (type_of(model) != "WordLevel") throw std::invalid_argument("it holds no WordLevel model");
  if (part(model, "unk_token").string() != kSpecialWords[kUnk]) {
    throw std::invalid_argument("unk_token must be 'UNK'");
  }
  const JsonValue::Object& vocabulary = part(model, "vocab").object();
  std::vector<std::string> words(vocabulary.size());
  for (const auto& [word, id] : vocabulary) {
    const std::int64_t index = id.integer();
    const bool fits = index >= 0 && index < static_cast<std::int64_t>(words.size());
    if (!fits || !words[static_cast<std::size_t>(index)].empty()) {
      throw std::invalid_argument("the ids must be 0 to " + std::to_string(words.size() - 1) +
                                  ", each once");
    }
    words[static_cast<std::size_t>(index)] = word;
  }
  const bool has_special = words.size() >= kSpecialWords.size() &&
                           std::equal(kSpecialWords.begin(), kSpecialWords.end(), words.begin());
  if (!has_special) throw std::invalid_argument("the first ids must be UNK, PAD, EOS, SOS, ...");
  return words;
}

}  // namespace

Tokenizer::Tokenizer(const JsonValue& document)
    : normalizer_((check_parts(document), part(document, "normalizer"))),
      words_(read_words(part(document, "model"))) {
  ids_.reserve(words_.size());
  for (std::size_t id = 0; id < words_.size(); ++id) {
    ids_.emplace(words_[id], static_cast<std::int32_t>(id));
  }
}

std::vector<std::string> Tokenizer::tokenize(std::string_view text) const {
  const std::string plain = normalizer_.normalize(text);
  std::vector<std::string> words;
  bool is_inside = false;
  for (std::size_t at = 0; at < plain.size();) {
    const std::size_t begin = at;
    const bool is_blank = is_white_space(next_code_point(plain, at));
    if (!is_blank && !is_inside) words.emplace_back();
    if (!is_blank) words.back().append(plain, begin, at - begin);
    is_inside = !is_blank;
  }
  return words;
}

TokenIds Tokenizer::encode(std::string_view text) const {
  TokenIds ids;
  for (const std::string& word : tokenize(text)) {
    const auto found = ids_.find(word);
    ids.push_back(found == ids_.end() ? kUnk : found->second);
  }
  return ids;
}

const std::string& Tokenizer::word(std::int32_t id) const {
  check_id(id, vocab_size());
  return words_[static_cast<std::size_t>(id)];
}

}  // namespace mime_fast
