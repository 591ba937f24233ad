#include "models/load_model.h"

#include "models/systems.h"

namespace mime_fast {
std::unique_ptr<ReplyModel> load_model(const std::string& path, const ModelConfig& config,
                                       ComputeType compute_type, const cpu::Kernels& kernels,
                                       ThreadPool& pool, Interrupt* interrupt) {
  const System& system = find_system(config.architecture);
  TensorReader tensors(path, interrupt);
  Team team(pool, interrupt);
  auto model = system.load(tensors, config, compute_type, kernels, team);
  tensors.check_all_taken();
  return model;
}

}  // namespace mime_fast
