#include "models/systems.h"

#include "io/checkpoint_error.h"
#include "models/mime.h"
#include "models/mime_base.h"
#include "models/moel.h"
#include "models/multi_tr.h"

namespace mime_fast {
namespace {

template <typename Model>
std::unique_ptr<ReplyModel> load(TensorReader& tensors, const ModelConfig& config,
                                 ComputeType compute_type, const cpu::Kernels& kernels,
                                 Team& team) {
  return std::make_unique<Model>(tensors, config, compute_type, kernels, team);
}

template <typename Model>
constexpr System system_of() {
  return {.architecture = Model::kArchitecture,
          .load = load<Model>,
          .visit_options = Model::visit_options,
          .resolve = Model::resolve};
}

constexpr System kSystems[] = {system_of<Mime>(), system_of<Moel>(), system_of<MultiTr>(),
                               system_of<MimeBase>()};

}  // namespace

std::span<const System> systems() { return kSystems; }

const System& find_system(const std::string& architecture) {
  std::string known;
  for (const System& system : kSystems) {
    if (architecture == system.architecture) return system;
    known += (known.empty() ? "" : ", ") + std::string(system.architecture);
  }
  throw CheckpointError("the native engine answers with " + known + ", and the architecture is '" +
                        architecture + "'; use engine='eager'");
}

}  // namespace mime_fast
