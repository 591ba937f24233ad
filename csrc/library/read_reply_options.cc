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

EarlyStopping to_early_stopping(const JsonValue& value) {
  if (!std::holds_alternative<std::string>(value.data())) {
    return value.boolean() ? EarlyStopping::yes : EarlyStopping::no;
  }
  if (value.string() == "never") return EarlyStopping::never;
  throw JsonError("early_stopping must be true, false or never", value.offset());
}

OnCrisis to_on_crisis(const JsonValue& value) {
  if (value.string() == "reply") return OnCrisis::reply;
  if (value.string() == "flag") return OnCrisis::flag;
  if (value.string() == "off") return OnCrisis::off;
  throw JsonError("on_crisis must be one of reply, flag, off", value.offset());
}

std::map<std::string, Read> readers_of(ReplyOptions& options) {
  const auto size = [](std::int64_t& target) {
    return [&target](const JsonValue& value) { target = value.integer(); };
  };
  const auto number = [](double& target) {
    return [&target](const JsonValue& value) { target = value.number(); };
  };
  const auto flag = [](bool& target) {
    return [&target](const JsonValue& value) { target = value.boolean(); };
  };
  const auto strings = [](std::vector<std::string>& target) {
    return [&target](const JsonValue& value) { target = to_strings(value); };
  };
  const auto text = [](std::optional<std::string>& target) {
    return [&target](const JsonValue& value) {
      if (!value.is_null()) target = value.string();
    };
  };
  return {
      {"max_new_tokens", size(options.max_new_tokens)},
      {"min_new_tokens", size(options.min_new_tokens)},
      {"stop", strings(options.stop)},
      {"num_beams", size(options.num_beams)},
      {"length_penalty", number(options.length_penalty)},
      {"early_stopping",
       [&](const JsonValue& value) { options.early_stopping = to_early_stopping(value); }},
      {"do_sample", flag(options.do_sample)},
      {"temperature", number(options.temperature)},
      {"top_k", size(options.top_k)},
      {"top_p", number(options.top_p)},
      {"min_p", number(options.min_p)},
      {"repetition_penalty", number(options.repetition_penalty)},
      {"no_repeat_ngram_size", size(options.no_repeat_ngram_size)},
      {"bad_words", strings(options.bad_words)},
      {"num_return_sequences", size(options.num_return_sequences)},
      {"mbr_samples", size(options.mbr_samples)},
      {"best_of", size(options.best_of)},
      {"return_scores", flag(options.return_scores)},
      {"logprobs",
       [&](const JsonValue& value) {
         if (!value.is_null()) options.logprobs = value.integer();
       }},
      {"speculation", flag(options.speculation)},
      {"seed",
       [&](const JsonValue& value) {
         if (value.is_null()) return;
         if (value.integer() < 0) throw JsonError("seed must be at least 0", value.offset());
         options.seed = static_cast<std::uint64_t>(value.integer());
       }},
      {"stochastic_emotion", flag(options.stochastic_emotion)},
      {"emotion", text(options.emotion)},
      {"on_crisis", [&](const JsonValue& value) { options.on_crisis = to_on_crisis(value); }},
      {"crisis_reply", text(options.crisis_reply)},
      {"avoid_cheer", flag(options.avoid_cheer)},
  };
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
        throw std::invalid_argument("unknown option " + quoted(member.key));
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
