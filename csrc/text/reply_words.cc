#include "text/reply_words.h"

#include <stdexcept>

namespace mime_fast {

void check_id(std::int32_t id, std::int64_t size) {
  if (id >= 0 && id < size) return;
  throw std::invalid_argument("a token id must be in [0, " + std::to_string(size) + "), got " +
                              std::to_string(id));
}

}  // namespace mime_fast
