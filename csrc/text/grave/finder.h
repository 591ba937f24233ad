#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/crisis/speaker_turn.h"

namespace mime_fast {

// Grave messages, and replies that are too cheerful or careless for them: the rules of
// mime_fast/text/grave/finder.py.

// How grave a message is.
enum class Gravity : std::uint8_t { none, grave, death };

// That of the gravest thing that any of what speaker_turns() returns mentions.
Gravity find_gravity(std::vector<SpeakerTurn>& turns);
// Whether a reply is not cheerful, and if the message tells of a death, not careless.
bool suits(std::string_view reply, Gravity gravity);
// Whether a reply congratulates, jokes or is glad.
bool is_cheerful(std::string_view reply);
// Returns `count` fixed replies in the order that the seed draws. They repeat once all were given.
// A message without gravity may be pleasant.
std::vector<std::string> careful_replies(std::uint64_t seed, std::size_t count, Gravity gravity);

}  // namespace mime_fast
