#pragma once

#include <string>
#include <string_view>

#include "text/tables.h"

namespace mime_fast {

// Whether a text in lower case may hide words: most do not.
bool is_suspicious(std::string_view text);
// Writes hidden words out, where what appears is a known word: k!ll, s u i c i d e, su*cide.
std::string reveal(std::string_view text, const Words& known);

}  // namespace mime_fast
