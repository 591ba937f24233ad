#include "text/subword_tokenizer.h"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <variant>

#include "search/special.h"
#include "text/letter_case.h"
#include "text/piece_detokenizer.h"
#include "text/tidy.h"

namespace mime_fast {
namespace {

using Strings = std::vector<std::string>;

const JsonValue& reply_of(const JsonValue& document) {
  const JsonValue* reply = document.find("reply");
  if (reply == nullptr || !std::holds_alternative<JsonValue::Object>(reply->data())) {
    throw std::invalid_argument("it holds no reply pieces");
  }
  return *reply;
}

// A list of texts; nothing if the value is none.
std::optional<Strings> to_strings(const JsonValue& value) {
  const auto* items = std::get_if<JsonValue::Array>(&value.data());
  if (items == nullptr) return std::nullopt;
  Strings strings;
  for (const JsonValue& item : *items) {
    const auto* text = std::get_if<std::string>(&item.data());
    if (text == nullptr) return std::nullopt;
    strings.push_back(*text);
  }
  return strings;
}

Strings read_pieces(const JsonValue& document, const char* member, const std::string& name) {
  const JsonValue* value = document.find(member);
  std::optional<Strings> pieces = value == nullptr ? std::nullopt : to_strings(*value);
  if (!pieces) throw std::invalid_argument(name + " must be a list of pieces");
  std::unordered_set<std::string_view> seen;
  for (const std::string& piece : *pieces) {
    if (seen.insert(piece).second) continue;
    throw std::invalid_argument(name + " holds a piece twice: " + quoted(piece));
  }
  return *std::move(pieces);
}

std::vector<PieceTokenizer::Merge> read_merges(const JsonValue& reply) {
  const JsonValue* merges = reply.find("merges");
  if (merges == nullptr || !std::holds_alternative<JsonValue::Array>(merges->data())) {
    throw std::invalid_argument("reply.merges must be a list");
  }
  std::vector<PieceTokenizer::Merge> found;
  for (const JsonValue& merge : merges->array()) {
    std::optional<Strings> parts = to_strings(merge);
    if (!parts || parts->size() != 2) {
      throw std::invalid_argument("reply.merges holds a value at byte " +
                                  std::to_string(merge.offset()) + " which is no pair of pieces");
    }
    found.emplace_back(std::move(parts->front()), std::move(parts->back()));
  }
  return found;
}

}  // namespace

SubwordTokenizer::SubwordTokenizer(const JsonValue& document)
    : context_(read_pieces(document, "context", "context")),
      reply_(read_pieces(reply_of(document), "pieces", "reply.pieces"),
             read_merges(reply_of(document))),
      turn_end_({kEos}) {}

TokenIds SubwordTokenizer::encode(std::string_view text) const {
  return context_.encode(tidy_context(text));
}

std::vector<std::string> SubwordTokenizer::tokenize(std::string_view text) const {
  return context_.tokenize(tidy_context(text));
}

std::vector<TokenIds> SubwordTokenizer::spellings(std::string_view text) const {
  Strings cases;
  for (std::string& each : Strings{std::string(text), lower_text(text), with_first_capital(text)}) {
    if (std::find(cases.begin(), cases.end(), each) == cases.end()) cases.push_back(each);
  }
  std::vector<TokenIds> spelled;
  for (const std::string& each : cases) {
    for (const char* blank : {"", " "}) spelled.push_back(reply_.encode(blank + each));
  }
  return spelled;
}

const std::string& SubwordTokenizer::word(std::int32_t id) const {
  check_id(id, vocab_size());
  return reply_.bytes()[static_cast<std::size_t>(id)];
}

std::string SubwordTokenizer::text_of(std::int32_t id) const {
  std::string bytes = word(id);
  return decode_utf8(bytes, true);
}

}  // namespace mime_fast
