#pragma once

#include <cstdint>

namespace mime_fast {

bool is_white_space(std::int32_t code_point);  // the property White_Space
bool is_space(std::int32_t code_point);        // as Python's, which counts U+001C to U+001F too

}  // namespace mime_fast
