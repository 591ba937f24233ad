#include "text/crisis/speaker_turn.h"

#include "text/crisis/reveal.h"
#include "text/message.h"

namespace mime_fast {

std::string SpeakerTurn::plain(const Words& known) {
  if (!folded_) folded_ = fold(text_);
  return is_suspicious(*folded_) ? reveal(*folded_, known) : *folded_;
}

const std::vector<Sentence>& SpeakerTurn::sentences(const std::string& plain) {
  const auto [found, is_new] = sentences_.try_emplace(plain);
  if (is_new) found->second = sentences_of(plain);
  return found->second;
}

std::vector<SpeakerTurn> speaker_turns(const std::vector<std::string>& turns) {
  std::vector<SpeakerTurn> found;
  for (const std::size_t place : turns_to_search(turns)) found.emplace_back(turns[place], place);
  return found;
}

}  // namespace mime_fast
