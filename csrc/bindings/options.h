#pragma once

#include <pybind11/pybind11.h>

#include "models/model_config.h"
#include "search/options.h"

namespace mime_fast {

// Reads the fields of a Python GenerationConfig and of its TextRules, which may be None.
GenerationOptions to_options(pybind11::handle config, pybind11::handle rules);
// Reads the fields of a Python ModelConfig.
ModelConfig to_model_config(pybind11::handle config);

}  // namespace mime_fast
