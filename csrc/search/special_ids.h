#pragma once

#include <cstdint>

namespace mime_fast {

constexpr std::int32_t kEndOfReply = 2;
constexpr std::int32_t kStartOfReply = 3;

}  // namespace mime_fast
