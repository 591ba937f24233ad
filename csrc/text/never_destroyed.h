#pragma once

#include <utility>

namespace mime_fast {

// Makes a value that outlives the statics of the program: threads may still answer while it ends.
template <typename Value, typename... Arguments>
const Value& never_destroyed(Arguments&&... arguments) {
  return *new Value(std::forward<Arguments>(arguments)...);
}

}  // namespace mime_fast
