#include "models/load_model.h"

#include "io/checkpoint_error.h"
#include "models/mime.h"
#include "models/mime_base.h"
#include "models/moel.h"
#include "models/multi_tr.h"

namespace mime_fast {
namespace {

using Load = std::unique_ptr<ReplyModel> (*)(TensorReader& tensors, const ModelConfig& config,
                                             ComputeType compute_type, const cpu::Kernels& kernels,
                                             Team& team);

template <typename System>
std::unique_ptr<ReplyModel> load(TensorReader& tensors, const ModelConfig& config,
                                 ComputeType compute_type, const cpu::Kernels& kernels,
                                 Team& team) {
  return std::make_unique<System>(tensors, config, compute_type, kernels, team);
}

constexpr struct {
  const char* architecture;
  Load load;
} kSystems[] = {
    {Mime::kArchitecture, load<Mime>},
    {Moel::kArchitecture, load<Moel>},
    {MultiTr::kArchitecture, load<MultiTr>},
    {MimeBase::kArchitecture, load<MimeBase>},
};

Load find_system(const std::string& architecture) {
  std::string known;
  for (const auto& system : kSystems) {
    if (architecture == system.architecture) return system.load;
    known += (known.empty() ? "" : ", ") + std::string(system.architecture);
  }
  throw CheckpointError("the native engine answers with " + known + ", and the architecture is '" +
                        architecture + "'; use engine='eager'");
}

}  // namespace

std::unique_ptr<ReplyModel> load_model(const std::string& path, const ModelConfig& config,
                                       ComputeType compute_type, const cpu::Kernels& kernels,
                                       ThreadPool& pool, Interrupt* interrupt) {
  const Load load_system = find_system(config.architecture);
  TensorReader tensors(path, interrupt);
  Team team(pool, interrupt);
  auto model = load_system(tensors, config, compute_type, kernels, team);
  tensors.check_all_taken();
  return model;
}

}  // namespace mime_fast
