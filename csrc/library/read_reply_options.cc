#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "io/checkpoint_error.h"
#include "io/json.h"
#include "library/read_json.h"
#include "library/reply_options.h"
#include "mime_fast/visit_options.hpp"

namespace mime_fast {
namespace {

using Read = std::function<void(const JsonValue&)>;

std::vector<std::string> to_strings(const JsonValue& value) {
  if (value.is_null()) return {};
  if (std::holds_alternative<std::string>(value.data())) return {value.string()};
  std::vector<std::string> strings;
  for (const JsonValue& each : value.array()) strings.push_back(each.string());
  return strings;
}

void assign(const JsonValue& value, std::int64_t& option) { option = value.integer(); }
void assign(const JsonValue& value, double& option) { option = value.number(); }
void assign(const JsonValue& value, bool& option) { option = value.boolean(); }
void assign(const JsonValue& value, std::string& option) { option = value.string(); }
void assign(const JsonValue& value, std::vector<std::string>& option) {
  option = to_strings(value);
}

void assign(const JsonValue& value, std::uint64_t& option) { option = value.unsigned_integer(); }

void assign(const JsonValue& value, EarlyStopping& option) {
  if (!std::holds_alternative<std::string>(value.data())) {
    option = value.boolean() ? EarlyStopping::yes : EarlyStopping::no;
  } else if (value.string() == "never") {
    option = EarlyStopping::never;
  } else {
    throw JsonError("early_stopping must be true, false or never", value.offset());
  }
}

void assign(const JsonValue& value, OnCrisis& option) {
  if (value.string() == "reply") {
    option = OnCrisis::reply;
  } else if (value.string() == "flag") {
    option = OnCrisis::flag;
  } else if (value.string() == "off") {
    option = OnCrisis::off;
  } else {
    throw JsonError("on_crisis must be one of reply, flag, off", value.offset());
  }
}

template <typename Option>
void assign(const JsonValue& value, std::optional<Option>& option) {
  if (!value.is_null()) assign(value, option.emplace());
}

std::map<std::string, Read> readers_of(ReplyOptions& options) {
  std::map<std::string, Read> readers;
  const auto add = [&](const char* name, auto& option) {
    readers[name] = [&option](const JsonValue& value) { assign(value, option); };
  };
  detail::visit_numbers(options, options,
                        [&](const char* name, auto& option, auto&) { add(name, option); });
  add("stop", options.stop);
  add("bad_words", options.bad_words);
  add("early_stopping", options.early_stopping);
  add("seed", options.seed);
  add("emotion", options.emotion);
  add("on_crisis", options.on_crisis);
  add("crisis_reply", options.crisis_reply);
  return readers;
}

}  // namespace

ReplyOptions read_reply_options(const std::string& path, const ReplyTokenizer& tokenizer) {
  const JsonValue document = read_json_object(path);
  ReplyOptions options;
  const std::map<std::string, Read> readers = readers_of(options);
  try {
    for (const JsonMember& member : document.object()) {
      const auto reader = readers.find(member.key);
      if (reader == readers.end()) {
        throw std::invalid_argument("unknown option " + mime_fast::quoted(member.key));
      }
      reader->second(member.value);
    }
    options.check(tokenizer);
  } catch (const std::invalid_argument& error) {
    throw CheckpointError(path + ": " + error.what());
  }
  return options;
}

}  // namespace mime_fast
