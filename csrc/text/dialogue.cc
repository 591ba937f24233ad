#include "text/dialogue.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "search/special.h"
#include "text/unicode.h"

namespace mime_fast {
namespace {

TokenIds encode_turn(const ReplyTokenizer& tokenizer, const std::string& turn) {
  TokenIds ids = tokenizer.encode(turn);
  ids.insert(ids.end(), tokenizer.turn_end().begin(), tokenizer.turn_end().end());
  return ids;
}

// The ids of the latest turns, at least one; the turns before them are not even tokenised.
std::deque<TokenIds> latest_that_fit(const ReplyTokenizer& tokenizer,
                                     const std::vector<std::string>& turns, std::size_t room) {
  std::deque<TokenIds> kept = {encode_turn(tokenizer, turns.back())};
  std::size_t length = kept.back().size();
  for (std::size_t turn = turns.size() - 1; turn-- > 0;) {
    TokenIds ids = encode_turn(tokenizer, turns[turn]);
    if (length + ids.size() > room) break;
    length += ids.size();
    kept.push_front(std::move(ids));
  }
  return kept;
}

bool is_word(const std::string& token) {
  for (std::size_t at = 0; at < token.size();) {
    if (is_visible_word(next_code_point(token, at))) return true;
  }
  return false;
}

}  // namespace

EncodedDialogue encode_dialogue(const ReplyTokenizer& tokenizer,
                                const std::vector<std::string>& turns, std::int64_t max_positions) {
  const auto room = static_cast<std::size_t>(max_positions - 1);
  std::deque<TokenIds> kept = latest_that_fit(tokenizer, turns, room);
  EncodedDialogue result;
  result.dropped_turns = static_cast<std::int64_t>(turns.size() - kept.size());
  if (TokenIds& first = kept.front(); first.size() > room) {
    const auto dropped = static_cast<std::ptrdiff_t>(first.size() - room);
    result.dropped_words = dropped;
    first.erase(first.begin(), first.begin() + dropped);
  }
  result.dialogue.tokens = {kCls};
  result.dialogue.speakers = {kCls};
  for (std::size_t turn = 0; turn < kept.size(); ++turn) {
    const bool is_speaker = (kept.size() - 1 - turn) % 2 == 0;
    auto& [tokens, speakers] = result.dialogue;
    tokens.insert(tokens.end(), kept[turn].begin(), kept[turn].end());
    speakers.insert(speakers.end(), kept[turn].size(), is_speaker ? kUsr : kSys);
  }
  result.last_turn = std::move(kept.back());
  return result;
}

WordCounts count_words(const ReplyTokenizer& tokenizer, const std::string& turn,
                       const TokenIds& ids) {
  const std::size_t own = ids.size() - tokenizer.turn_end().size();  // the end is no word
  const auto end = ids.begin() + static_cast<std::ptrdiff_t>(own);
  const bool all_known = std::find(ids.begin(), end, kUnk) == end;
  std::vector<std::string> tokens;
  if (!all_known) tokens = tokenizer.tokenize(turn);
  const std::size_t first = all_known ? 0 : tokens.size() - own;
  WordCounts counts;
  for (std::size_t i = 0; i < own; ++i) {
    if (!is_word(all_known ? tokenizer.context_word(ids[i]) : tokens[first + i])) continue;
    ++counts.words;
    if (ids[i] == kUnk) ++counts.unknown;
  }
  return counts;
}

}  // namespace mime_fast
