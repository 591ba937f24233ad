#include "engine/decoder.h"

namespace mime_fast {

Decoder::Decoder(Weights& weights, const std::string& name, const ModelConfig& config)
    : norm_(weights, name + ".norm", config.hidden_dim) {
  for (std::int64_t i = 0; i < config.num_layers; ++i) {
    layers_.emplace_back(weights, name + ".layers." + std::to_string(i), config);
  }
}

void Decoder::step(const cpu::Kernels& kernels, Team& team, DecodeState& state) const {
  // Fewer rows than this cost less on one thread than meeting the others: 7 us a row, less in
  // pairs. Rows that continue one another stay together.
  constexpr std::int64_t kRowsPerThread = 4;
  const std::int64_t unit = state.has_drafts() ? state.rows() : kRowsPerThread;
  team.split(state.rows(), unit, [&](std::int64_t begin, std::int64_t end) {
    const LaneWork work{kernels, state, begin, state.x().cut(begin, end)};
    Lane* lanes = state.buffers().lanes.data();
    std::int32_t cache = 0;
    for (const DecoderLayer& layer : layers_) {
      for (std::int64_t row = begin; row < end; ++row) {
        lanes[row] = {static_cast<std::int32_t>(row), cache};
      }
      layer.step(work);
      ++cache;
    }
    norm_.apply(kernels, work.x, state.hidden().cut(begin, end));
  });
}

}  // namespace mime_fast
