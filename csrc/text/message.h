#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mime_fast {

// Checks a history of turns (speaker first, alternating, speaker last) as mime_fast/text/message.py
// does, and returns it without the escape sequences of terminals. Throws std::invalid_argument that
// names the turn and what is wrong with it.
std::vector<std::string> check_turns(const std::vector<std::string_view>& turns);

// The places of the speaker's turns that rules search, latest first: those that fit into as many
// characters as one turn may have.
std::vector<std::size_t> turns_to_search(const std::vector<std::string>& turns);

// Whether the word rules find a word in it; punctuation counts, a blank does not.
bool holds_word(std::string_view text);
// Whether any of it can be seen; a blank can.
bool is_visible(std::string_view text);

// The text without escape sequences of terminals (ECMA-48), as mime_fast/text/escapes.py.
std::string strip_escapes(std::string_view text);

// A text as error messages quote it: printable ASCII, shortened.
std::string shown(std::string_view text);

}  // namespace mime_fast
