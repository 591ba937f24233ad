#include "text/normalizer.h"

#include <array>
#include <stdexcept>
#include <utility>

namespace mime_fast {
namespace {

constexpr std::array<std::pair<const char*, Form>, 4> kForms = {
    {{"NFC", Form::nfc}, {"NFD", Form::nfd}, {"NFKC", Form::nfkc}, {"NFKD", Form::nfkd}}};

const JsonValue& member(const JsonValue& document, std::string_view name) {
  if (const JsonValue* found = document.find(name)) return *found;
  throw JsonError("a step lacks " + quoted(name), document.offset());
}

std::string replaced(std::string_view text, std::string_view literal, std::string_view content) {
  std::string result;
  std::size_t end = 0;
  for (std::size_t at = text.find(literal); at != std::string_view::npos;
       at = text.find(literal, end)) {
    result.append(text, end, at - end).append(content);
    end = at + literal.size();
  }
  return result.append(text, end);
}

}  // namespace

Normalizer::Normalizer(const JsonValue& document) { add(document); }

void Normalizer::add(const JsonValue& document) {
  const std::string& type = member(document, "type").string();
  for (const auto& [name, form] : kForms) {
    if (type == name) return steps_.emplace_back(form), void();
  }
  if (type == "Sequence") {
    for (const JsonValue& step : member(document, "normalizers").array()) add(step);
  } else if (type == "Replace") {
    add_replace(document);
  } else if (type == "Lowercase") {
    steps_.emplace_back(Lowercase{});
  } else {
    throw std::invalid_argument(
        "its normalizer has a step of type " + quoted(type) +
        ", and this library knows Sequence, Replace, NFC, NFD, NFKC, NFKD and Lowercase");
  }
}

void Normalizer::add_replace(const JsonValue& document) {
  const JsonValue& pattern = member(document, "pattern");
  const std::string& content = member(document, "content").string();
  if (const JsonValue* expression = pattern.find("Regex")) {
    steps_.emplace_back(ReplaceMatches{Regex(expression->string()), content});
    return;
  }
  const std::string& literal = member(pattern, "String").string();
  if (literal.empty()) throw JsonError("a step replaces an empty text", pattern.offset());
  steps_.emplace_back(ReplaceLiteral{literal, content});
}

std::string Normalizer::normalize(std::string_view text) const {
  struct Apply {
    const std::string& text;
    std::string operator()(const ReplaceMatches& step) const {
      return step.pattern.replace(text, [&](std::string_view) { return step.content; });
    }
    std::string operator()(const ReplaceLiteral& step) const {
      return replaced(text, step.literal, step.content);
    }
    std::string operator()(Form form) const { return normalized(text, form); }
    std::string operator()(Lowercase) const { return lower(text); }
  };
  std::string result(text);
  for (const Step& step : steps_) result = std::visit(Apply{result}, step);
  return result;
}

}  // namespace mime_fast
