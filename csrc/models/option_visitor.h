#pragma once

#include <cstdint>

namespace mime_fast {

// Integers, both ends included.
struct OptionRange {
  std::int64_t least, most;
};

constexpr OptionRange kWidths{1, std::int64_t{1} << 20};
constexpr OptionRange kLayers{1, 100};

// Is shown each option of a struct, by its name in config.json.
class OptionVisitor {
 public:
  virtual void number(const char* name, std::int64_t& option, OptionRange range) = 0;
  virtual void flag(const char* name, bool& option) = 0;

 protected:
  ~OptionVisitor() = default;
};

}  // namespace mime_fast
