#include "models/model_config.h"

#include <stdexcept>

namespace mime_fast {

void require_multiple(const char* name, std::int64_t value, const char* of, std::int64_t divisor) {
  if (value % divisor == 0) return;
  throw std::invalid_argument(std::string(name) + " must be a multiple of " + of + " (" +
                              std::to_string(divisor) + "), got " + std::to_string(value));
}

}  // namespace mime_fast
