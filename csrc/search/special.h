#pragma once

#include <cstdint>

#include "search/hypothesis.h"

// The ids of special tokens; their order is that of the authors' vocabulary, as in
// mime_fast/text/special.py.
namespace mime_fast {

constexpr std::int32_t kUnk = 0;
constexpr std::int32_t kPad = 1;
constexpr std::int32_t kEos = 2;
constexpr std::int32_t kSos = 3;
constexpr std::int32_t kUsr = 4;
constexpr std::int32_t kSys = 5;
constexpr std::int32_t kCls = 6;

// Ids that are blocked by default; a test unblocks them to compare with the authors' code.
inline TokenIds never_generated() { return {kUnk, kPad, kSos, kUsr, kSys, kCls}; }

}  // namespace mime_fast
