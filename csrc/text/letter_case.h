#pragma once

#include <string>
#include <string_view>

namespace mime_fast {

// A text in lower case, as str.lower() of Python: a sigma that ends a word becomes a final one.
std::string lower_text(std::string_view text);
// A text whose first letter is in upper case.
std::string with_first_capital(std::string_view text);

}  // namespace mime_fast
