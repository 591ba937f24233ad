#include "text/white_space.h"

namespace mime_fast {

bool is_white_space(std::int32_t c) {
  return (c >= '\t' && c <= '\r') || c == ' ' || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool is_space(std::int32_t c) { return (c >= 0x1C && c <= 0x1F) || is_white_space(c); }

}  // namespace mime_fast
