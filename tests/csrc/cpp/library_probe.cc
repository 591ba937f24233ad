// A shared library through which Python compares what is behind libmime_fast with its twins
// (tests/capi).
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "library/default_threads.h"
#include "library/reply_options.h"
#include "mime_fast/visit_options.hpp"
#include "text/crisis/finder.h"
#include "text/crisis/speaker_turn.h"
#include "text/detokenizer.h"
#include "text/dialogue.h"
#include "text/grave/finder.h"
#include "text/letter_case.h"
#include "text/load_tokenizer.h"
#include "text/message.h"
#include "text/stop.h"
#include "text/tables.h"
#include "text/tidy.h"
#include "text/unicode_lexicon.h"

namespace mime_fast {
namespace {

using Strings = std::vector<std::string>;

std::string joined(const Strings& parts, const char* mark) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : mark) + part;
  return text;
}

// The parts, of which some may be empty.
std::string separated(const Strings& parts) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) text += (i == 0 ? "" : "\x1f") + parts[i];
  return text;
}

template <typename Numbers>
std::string listed(const Numbers& numbers) {
  Strings parts;
  for (const auto number : numbers) parts.push_back(std::to_string(number));
  return joined(parts, " ");
}

// The tokeniser that load() read last; one thread uses it.
std::unique_ptr<const ReplyTokenizer> tokenizer;

std::string load(const Strings& arguments) {
  tokenizer = load_tokenizer(arguments.at(0));
  return std::to_string(tokenizer->vocab_size()) + " " +
         std::to_string(tokenizer->context_vocab_size());
}

std::string dialogue(const Strings& arguments) {
  const Strings turns(arguments.begin() + 1, arguments.end());
  const EncodedDialogue found = encode_dialogue(*tokenizer, turns, std::stoll(arguments.at(0)));
  const WordCounts counts = count_words(*tokenizer, turns.back(), found.last_turn);
  return listed(found.dialogue.tokens) + "|" + listed(found.dialogue.speakers) + "|" +
         listed(std::vector<std::int64_t>{found.dropped_turns, found.dropped_words,
                                          static_cast<std::int64_t>(found.last_turn.size()),
                                          counts.words, counts.unknown});
}

TokenIds to_ids(const std::string& text) {
  TokenIds ids;
  for (const std::string& id : split(text)) ids.push_back(std::stoi(id));
  return ids;
}

// Arguments: the ids of a reply, then its stop strings. Returns the pieces that a stream shows, and
// after how many ids the search ends.
std::string reply(const Strings& arguments) {
  const Strings stop(arguments.begin() + 1, arguments.end());
  const TokenIds tokens = to_ids(arguments.at(0));
  ReplyText text(*tokenizer, stop);
  Strings pieces;
  for (const std::int32_t token : tokens) pieces.push_back(text.push({token}));
  pieces.push_back(text.finish());
  std::size_t ended = 0;
  if (!stop.empty()) {
    const TextStop condition(*tokenizer, stop);
    TokenIds generated;
    for (std::size_t i = 0; i < tokens.size() && ended == 0; ++i) {
      generated.push_back(tokens[i]);
      if (condition.ends(generated)) ended = i + 1;
    }
  }
  pieces.push_back(std::to_string(ended));
  return separated(pieces);
}

std::string spellings(const Strings& arguments) {
  Strings found;
  for (const TokenIds& ids : tokenizer->spellings(arguments.at(0))) found.push_back(listed(ids));
  return separated(found);
}

std::string check(const Strings& arguments) {
  return joined(check_turns({arguments.begin(), arguments.end()}), "\x1f");
}

std::string crisis(const Strings& turns) {
  std::vector<SpeakerTurn> said = speaker_turns(turns);
  const auto found = find_crisis(said);
  if (!found) return "";
  return found->category + " " + found->about() + " " + std::to_string(found->turn) + " " +
         crisis_reply(*found, turns.size());
}

std::string gravity_of_history(const Strings& turns) {
  std::vector<SpeakerTurn> said = speaker_turns(turns);
  return std::to_string(static_cast<int>(find_gravity(said)));
}

Gravity to_gravity(const std::string& number) { return static_cast<Gravity>(std::stoi(number)); }

std::string shown_default(std::int64_t value) { return std::to_string(value); }
std::string shown_default(double value) { return std::to_string(value); }
std::string shown_default(bool value) { return value ? "true" : "false"; }
std::string shown_default(const std::optional<std::int64_t>& value) {
  return value ? std::to_string(*value) : "none";
}

// The numbers and flags among the options of a reply, with their defaults.
std::string options() {
  Strings lines;
  ReplyOptions usual;
  detail::visit_numbers(usual, usual, [&](const char* name, const auto& value, const auto&) {
    lines.push_back(std::string(name) + "=" + shown_default(value));
  });
  return joined(lines, "\n");
}

std::string call(std::string_view name, const Strings& arguments) {
  if (name == "load") return load(arguments);
  if (name == "options") return options();
  if (name == "tokenize") return separated(tokenizer->tokenize(arguments.at(0)));
  if (name == "encode") return listed(tokenizer->encode(arguments.at(0)));
  if (name == "decode") return tokenizer->decode(to_ids(arguments.at(0)));
  if (name == "as_context") return listed(tokenizer->as_context(to_ids(arguments.at(0))));
  if (name == "text_of") return tokenizer->text_of(std::stoi(arguments.at(0)));
  if (name == "spellings") return spellings(arguments);
  if (name == "tidy") return tidy(arguments.at(0));
  if (name == "lower_text") return lower_text(arguments.at(0));
  if (name == "with_first_capital") return with_first_capital(arguments.at(0));
  if (name == "detokenize") return detokenize(split(arguments.at(0)), unicode_lexicon());
  if (name == "dialogue") return dialogue(arguments);
  if (name == "reply") return reply(arguments);
  if (name == "check") return check(arguments);
  if (name == "is_visible") return is_visible(arguments.at(0)) ? "yes" : "no";
  if (name == "plain_text") return SpeakerTurn(arguments.at(0)).plain({});
  if (name == "crisis") return crisis(arguments);
  if (name == "gravity") return gravity_of_history(arguments);
  if (name == "is_cheerful") return is_cheerful(arguments.at(0)) ? "yes" : "no";
  if (name == "suits") return suits(arguments.at(0), to_gravity(arguments.at(1))) ? "yes" : "no";
  if (name == "default_threads") return std::to_string(default_threads());
  if (name == "cpu_quota") {
    const auto quota = cpu_quota(arguments.at(0));
    return quota ? std::to_string(*quota) : "";
  }
  if (name == "careful") {
    const std::uint64_t seed = std::stoull(arguments.at(0));
    const std::size_t count = std::stoull(arguments.at(1));
    return joined(careful_replies(seed, count, to_gravity(arguments.at(2))), "|");
  }
  throw std::invalid_argument("no function " + std::string(name));
}

}  // namespace
}  // namespace mime_fast

// arguments: separated by U+001E. Returns the result, which is valid until the next call; behind
// "!" the message of an error.
extern "C" __attribute__((visibility("default"))) const char* probe(const char* name,
                                                                    const char* arguments) {
  static std::string result;
  try {
    result = " " + mime_fast::call(name, mime_fast::split(arguments, "\x1e"));
  } catch (const std::exception& error) {
    result = "!" + std::string(error.what());
  }
  return result.c_str();
}
