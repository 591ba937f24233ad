#pragma once

#include <stdexcept>

namespace mime_fast {

// A checkpoint that cannot be used; the message names the file and the remedy.
class CheckpointError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

}  // namespace mime_fast
