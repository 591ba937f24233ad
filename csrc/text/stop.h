#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "search/stop_condition.h"
#include "text/reply_words.h"

namespace mime_fast {

using StopStrings = std::vector<std::string>;

// Returns where the first stop string in the text begins; npos: there is none.
std::size_t find_stop(std::string_view text, const StopStrings& stop);

// The text of a reply whose words come one after the other; it ends before the first stop string,
// as mime_fast/text/stop.py has it. Text that may become a stop string is held back.
class ReplyText {
 public:
  // Both are borrowed.
  ReplyText(const ReplyWords& words, const StopStrings& stop)
      : words_(&words), stop_(&stop), detokenizer_(words.detokenizer()) {}

  // The text that these tokens add, as far as it can be shown. End-of-reply adds none.
  std::string push(const TokenIds& tokens);
  // The text that waited for a next word.
  std::string finish();
  // Whether the text contained a stop string.
  bool stopped() const { return stopped_; }

 private:
  std::string show(const std::string& piece);

  const ReplyWords* words_;
  const StopStrings* stop_;
  ReplyDetokenizer detokenizer_;
  std::string held_;
  bool stopped_ = false;
};

// Whether the text of a reply's tokens contains a stop string. Text that waits for the next word is
// not read yet.
class TextStop final : public StopCondition {
 public:
  // The words are borrowed. stop: at least one.
  TextStop(const ReplyWords& words, StopStrings stop);
  bool ends(const TokenIds& tokens) const override;

 private:
  // A reply so far.
  struct Progress {
    ReplyDetokenizer detokenizer;
    std::string end;  // of its text, as long as a stop string that the next words may complete
    bool stopped = false;
  };
  struct Hash {
    std::size_t operator()(const TokenIds& tokens) const;
  };

  Progress after(Progress progress, std::int32_t token) const;

  // Replies in progress, 30 MB at most; a step of 10,000 samples adds fewer.
  static constexpr std::size_t kMostCached = 32'768;

  const ReplyWords& words_;
  const StopStrings stop_;
  std::size_t longest_;                                         // stop string, in bytes
  mutable std::unordered_map<TokenIds, Progress, Hash> known_;  // one thread calls ends()
};

}  // namespace mime_fast
