#pragma once

#include <string>

#include "models/model_config.h"

namespace mime_fast {

// Reads and checks a checkpoint's config.json, as mime_fast/config/model.py does. Throws
// CheckpointError that names the path, and the option that is unknown or wrong.
ModelConfig read_model_config(const std::string& path);

}  // namespace mime_fast
