#pragma once

#include <string>
#include <string_view>

namespace mime_fast {

// The text with straight quotes, single blanks, capital letters and a final mark: the rules of
// mime_fast/text/tidy.py. text: valid UTF-8.
std::string tidy(std::string_view text);
// The same for a turn of a context, first put into plain characters (NFKC).
std::string tidy_context(std::string_view text);

}  // namespace mime_fast
