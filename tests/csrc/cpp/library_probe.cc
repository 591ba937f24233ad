// A shared library through which Python compares what is behind libmime_fast with its twins
// (tests/capi).
#include <exception>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "library/default_threads.h"
#include "text/crisis/finder.h"
#include "text/crisis/spelling.h"
#include "text/detokenizer.h"
#include "text/dialogue.h"
#include "text/grave/finder.h"
#include "text/message.h"
#include "text/stop.h"
#include "text/tables.h"
#include "text/tokenizer.h"

namespace mime_fast {
namespace {

using Strings = std::vector<std::string>;

std::string joined(const Strings& parts, const char* mark) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : mark) + part;
  return text;
}

template <typename Numbers>
std::string listed(const Numbers& numbers) {
  Strings parts;
  for (const auto number : numbers) parts.push_back(std::to_string(number));
  return joined(parts, " ");
}

// The tokeniser that load() read last; one thread uses it.
const Tokenizer* tokenizer = nullptr;

std::string load(const Strings& arguments) {
  static Tokenizer loaded = Tokenizer::load(arguments.at(0));
  loaded = Tokenizer::load(arguments.at(0));
  tokenizer = &loaded;
  return std::to_string(loaded.size());
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

// Arguments: the words of a reply, then its stop strings. Returns the pieces that a stream shows,
// and after how many words the search ends.
std::string reply(const Strings& arguments) {
  const Strings stop(arguments.begin() + 1, arguments.end());
  const TokenIds tokens = tokenizer->encode(arguments.at(0));
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
  std::string result = pieces[0];
  for (std::size_t i = 1; i < pieces.size(); ++i) result += "\x1f" + pieces[i];
  return result;
}

std::string check(const Strings& arguments) {
  return joined(check_turns({arguments.begin(), arguments.end()}, *tokenizer), "\x1f");
}

std::string crisis(const Strings& turns) {
  const auto found = find_crisis(turns);
  if (!found) return "";
  return found->category + " " + found->about() + " " + std::to_string(found->turn) + " " +
         crisis_reply(*found, turns.size());
}

std::string call(std::string_view name, const Strings& arguments) {
  if (name == "load") return load(arguments);
  if (name == "tokenize") return joined(tokenizer->tokenize(arguments.at(0)), " ");
  if (name == "encode") return listed(tokenizer->encode(arguments.at(0)));
  if (name == "detokenize") return detokenize(split(arguments.at(0)));
  if (name == "dialogue") return dialogue(arguments);
  if (name == "reply") return reply(arguments);
  if (name == "check") return check(arguments);
  if (name == "is_visible") return is_visible(arguments.at(0)) ? "yes" : "no";
  if (name == "plain_text") return plain_text(arguments.at(0), {});
  if (name == "crisis") return crisis(arguments);
  if (name == "is_grave") return is_grave(arguments) ? "yes" : "no";
  if (name == "is_cheerful") return is_cheerful(arguments.at(0)) ? "yes" : "no";
  if (name == "default_threads") return std::to_string(default_threads());
  if (name == "cpu_quota") {
    const auto quota = cpu_quota(arguments.at(0));
    return quota ? std::to_string(*quota) : "";
  }
  if (name == "careful") {
    return joined(careful_replies(std::stoull(arguments.at(0)), std::stoull(arguments.at(1))), "|");
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
