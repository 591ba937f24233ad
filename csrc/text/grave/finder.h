#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/crisis/speaker_turn.h"

namespace mime_fast {

// Grave messages, and replies that are too cheerful for them: the rules of
// mime_fast/text/grave/finder.py.

// Whether any of what speaker_turns() returns mentions something grave.
bool is_grave(std::vector<SpeakerTurn>& turns);
// Whether a reply congratulates, jokes or is glad.
bool is_cheerful(std::string_view reply);
// Returns `count` fixed replies in the order that the seed draws. They repeat once all were given.
std::vector<std::string> careful_replies(std::uint64_t seed, std::size_t count);

}  // namespace mime_fast
