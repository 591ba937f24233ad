#pragma once

#include <memory>
#include <string>

#include "models/reply_model.h"

namespace mime_fast {

// Loads the system that the config's architecture names from a .safetensors file. Throws
// CheckpointError if the file is not a checkpoint of that config, or this engine lacks the system.
std::unique_ptr<ReplyModel> load_model(const std::string& path, const ModelConfig& config,
                                       ComputeType compute_type, const cpu::Kernels& kernels,
                                       ThreadPool& pool, Interrupt* interrupt = nullptr);

}  // namespace mime_fast
