#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "io/json.h"
#include "text/regex.h"
#include "text/unicode.h"

namespace mime_fast {

// The normaliser of a tokenizer.json: steps that rewrite a text, in their order.
class Normalizer {
 public:
  // Reads what `tokenizers` writes: Sequence, Replace, NFC, NFD, NFKC, NFKD, Lowercase. Throws
  // std::invalid_argument that names a step that this library does not know.
  explicit Normalizer(const JsonValue& document);

  // text: valid UTF-8.
  std::string normalize(std::string_view text) const;

 private:
  struct ReplaceMatches {
    Regex pattern;
    std::string content;
  };
  struct ReplaceLiteral {
    std::string literal, content;
  };
  struct Lowercase {};
  using Step = std::variant<ReplaceMatches, ReplaceLiteral, Form, Lowercase>;

  void add(const JsonValue& document);
  void add_replace(const JsonValue& document);

  std::vector<Step> steps_;
};

}  // namespace mime_fast
