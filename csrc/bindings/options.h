#pragma once

#include <pybind11/pybind11.h>

#include "engine/model_config.h"
#include "search/options.h"

namespace mime_fast {

// The fields of a Python GenerationConfig, of a ModelConfig.
GenerationOptions to_options(pybind11::handle config);
ModelConfig to_model_config(pybind11::handle config);

}  // namespace mime_fast
