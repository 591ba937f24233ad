#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "text/crisis/speaker_turn.h"

namespace mime_fast {

// A signal of a crisis in the speaker's turns; docs/safety.md lists the categories.
struct Crisis {
  std::string category;
  bool is_about_self = true;  // or of somebody whom the speaker writes of
  std::size_t turn = 0;       // where it was found; earlier turns count if the last has none

  const char* about() const { return is_about_self ? "self" : "other"; }
};

// The signal of a crisis in what speaker_turns() returns, by the tables and rules of
// mime_fast/text/crisis/finder.py. Any number of threads may call it.
std::optional<Crisis> find_crisis(std::vector<SpeakerTurn>& turns);

// The fixed reply to a signal in a history of so many turns.
const std::string& crisis_reply(const Crisis& crisis, std::size_t turns);

}  // namespace mime_fast
