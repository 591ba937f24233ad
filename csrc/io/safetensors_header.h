#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "io/tensor_view.h"

namespace mime_fast {

using TensorMap = std::map<std::string, TensorView, std::less<>>;

// Reads and checks the whole file; the views point into bytes. Throws std::invalid_argument whose
// message contains neither path nor remedy.
TensorMap read_safetensors(const std::byte* bytes, std::size_t size);

}  // namespace mime_fast
