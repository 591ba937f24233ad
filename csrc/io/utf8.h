#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
namespace mime_fast {

// Bytes of the code point that a text, not empty, begins with; 0 if it is not valid.
std::size_t utf8_length(std::string_view text);

// The code point must be valid.
void append_utf8(std::uint32_t code_point, std::string& text);

}  // namespace mime_fast
