#pragma once

#include <memory>
#include <span>
#include <string>

#include "layers/tensor_reader.h"
#include "models/reply_model.h"

namespace mime_fast {

// What the engine knows of an architecture.
struct System {
  const char* architecture;
  std::unique_ptr<ReplyModel> (*load)(TensorReader& tensors, const ModelConfig& config,
                                      ComputeType compute_type, const cpu::Kernels& kernels,
                                      Team& team);
  // Visits the options that it does not share with all others.
  void (*visit_options)(ModelConfig& config, OptionVisitor& visitor);
  // Sets what follows from its options. Throws std::invalid_argument for options that do not go
  // together.
  void (*resolve)(ModelConfig& config);
};

// The first is that of a config that names no architecture.
std::span<const System> systems();

// Throws CheckpointError if there is none.
const System& find_system(const std::string& architecture);

}  // namespace mime_fast
