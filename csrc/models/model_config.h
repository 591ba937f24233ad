#pragma once

#include <cstdint>
#include <string>

#include "layers/stack_config.h"
#include "models/mime_base_options.h"
#include "models/mime_options.h"
#include "models/moel_options.h"

namespace mime_fast {

// The shape of a model; mime_fast/config/model.py explains each field and checks it.
struct ModelConfig : StackConfig {
  std::string architecture;  // the kArchitecture of a system
  std::int64_t vocab_size = 0;
  bool tie_embeddings = false;
  bool mean_query = false;
  MimeOptions mime;
  MoelOptions moel;
  MimeBaseOptions mime_base;
};

}  // namespace mime_fast
