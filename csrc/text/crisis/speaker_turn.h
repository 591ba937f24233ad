#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/crisis/spelling.h"
#include "text/tables.h"

namespace mime_fast {

// A turn of the speaker as the rules of words read it, by mime_fast/text/crisis/turn.py: what
// several of them need is computed once. One thread uses it.
class SpeakerTurn {
 public:
  // text: must outlive this. place: its index in the history.
  explicit SpeakerTurn(std::string_view text, std::size_t place = 0) : text_(text), place_(place) {}

  std::string_view text() const { return text_; }
  std::size_t place() const { return place_; }
  // The text as `fold` writes it, and hidden words as `reveal` does.
  std::string plain(const Words& known);
  // The sentences of a plain text of this turn.
  const std::vector<Sentence>& sentences(const std::string& plain);

 private:
  std::string_view text_;
  std::size_t place_;
  std::optional<std::string> folded_;
  std::unordered_map<std::string, std::vector<Sentence>> sentences_;  // by the plain text
};

// The turns that rules search, of a history (speaker first, alternating); the latest first.
// They refer to the texts of the history.
std::vector<SpeakerTurn> speaker_turns(const std::vector<std::string>& turns);
std::vector<SpeakerTurn> speaker_turns(std::vector<std::string>&&) = delete;

}  // namespace mime_fast
