#pragma once

#include <string>
#include <utility>
#include <variant>

#include "text/detokenizer.h"
#include "text/piece_detokenizer.h"

namespace mime_fast {

// Turns the words of one reply into text, whichever tokeniser they are of. A copy goes on from the
// same place.
class ReplyDetokenizer {
 public:
  explicit ReplyDetokenizer(Detokenizer state) : state_(std::move(state)) {}
  explicit ReplyDetokenizer(PieceDetokenizer state) : state_(std::move(state)) {}

  // The text that a word adds.
  std::string push(const std::string& word) {
    return std::visit([&](auto& state) { return state.push(word); }, state_);
  }
  // The text that waited for a next word, at the end.
  std::string finish() {
    return std::visit([](auto& state) { return state.finish(); }, state_);
  }

 private:
  std::variant<Detokenizer, PieceDetokenizer> state_;
};

}  // namespace mime_fast
