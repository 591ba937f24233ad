#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace mime_fast {

// Cuts a long text where mime_fast/text/parts.py does, so that both normalise the same parts.
std::vector<std::string_view> parts_of(std::string_view text);

}  // namespace mime_fast
