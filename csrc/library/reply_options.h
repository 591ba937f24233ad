#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "search/options.h"
#include "text/reply_tokenizer.h"

namespace mime_fast {

// What is done where the speaker's turns show a crisis.
enum class OnCrisis { reply, flag, off };

// The options of a reply, under the names that GenerationConfig has
// (mime_fast/config/reply_options.py), which explains each.
struct ReplyOptions : SearchOptions {
  std::vector<std::string> stop;
  std::vector<std::string> bad_words;
  std::int64_t mbr_samples = 0;
  std::int64_t best_of = 0;
  std::optional<std::int64_t> logprobs;  // nothing: none are computed
  std::optional<std::uint64_t> seed;     // nothing: one is drawn
  bool stochastic_emotion = true;
  std::optional<std::string> emotion;  // nothing: the recognised one
  OnCrisis on_crisis = OnCrisis::reply;
  std::optional<std::string> crisis_reply;  // nothing: a text of ours
  bool avoid_cheer = true;

  // How many samples are drawn to be ranked; 0: none are.
  std::int64_t ranked_samples() const { return mbr_samples != 0 ? mbr_samples : best_of; }

  // Throws std::invalid_argument naming the value that is wrong, and the remedy.
  void check(const ReplyTokenizer& tokenizer) const;
  // What a search needs of them. stop is left out: it borrows a tokeniser.
  GenerationOptions for_search(const ReplyTokenizer& tokenizer) const;
};

// Reads a checkpoint's generation_config.json. Throws CheckpointError that names the path.
ReplyOptions read_reply_options(const std::string& path, const ReplyTokenizer& tokenizer);

// The id of an emotion; throws std::invalid_argument that lists the names if there is none.
std::int64_t emotion_id(const std::string& name);
const char* emotion_name(std::int64_t id);

}  // namespace mime_fast
