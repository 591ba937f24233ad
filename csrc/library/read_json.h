#pragma once

#include <string>

#include "io/json.h"

namespace mime_fast {

// Reads a JSON object from a file. Throws CheckpointError that names the path.
JsonValue read_json_object(const std::string& path);

}  // namespace mime_fast
