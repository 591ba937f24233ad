#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
namespace mime_fast {

// Returns the number of bytes of the first code point of a text that is not empty; 0 if invalid.
std::size_t utf8_length(std::string_view text);

// Returns the code point at byte `at`, and moves `at` behind it. Throws std::invalid_argument if
// the text is no valid UTF-8 there.
std::int32_t next_code_point(std::string_view text, std::size_t& at);

// Whether a byte goes on with the code point before it.
bool is_continuation(char byte);

// Whether a text that is not empty is the beginning of a code point, and not all of one.
bool begins_code_point(std::string_view text);

// Appends a code point, which must be valid.
void append_utf8(std::uint32_t code_point, std::string& text);

}  // namespace mime_fast
