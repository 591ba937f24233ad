#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "search/hypothesis.h"
#include "text/normalizer.h"

namespace mime_fast {

// Text to the ids of words, by the steps of a checkpoint's tokenizer.json, as
// mime_fast/text/tokenizer.py does. Any number of threads may use one.
class Tokenizer {
 public:
  // Throws CheckpointError that names the file, and what is wrong with it or not known here.
  static Tokenizer load(const std::string& path);

  // The words of a text, in the vocabulary or not. text: valid UTF-8.
  std::vector<std::string> tokenize(std::string_view text) const;
  // Their ids, kUnk where the vocabulary lacks a word.
  TokenIds encode(std::string_view text) const;
  // Throws std::invalid_argument if there is no such id.
  const std::string& word(std::int32_t id) const;
  std::int64_t size() const { return static_cast<std::int64_t>(words_.size()); }

 private:
  explicit Tokenizer(const JsonValue& document);

  Normalizer normalizer_;
  std::vector<std::string> words_;                     // by id
  std::unordered_map<std::string, std::int32_t> ids_;  // by word
};

}  // namespace mime_fast
