#include "layers/decoder.h"

#include <algorithm>

namespace mime_fast {
namespace {

// Rows between two looks for an interrupt: some milliseconds with long contexts.
constexpr std::int64_t kRowsPerCheck = 64;

}  // namespace

Decoder::Decoder(Weights& weights, const std::string& name, const StackConfig& config)
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
    if (state.has_drafts()) return step_rows(kernels, state, begin, end);
    for (std::int64_t first = begin; first < end; first += kRowsPerCheck) {
      team.check();
      step_rows(kernels, state, first, std::min(first + kRowsPerCheck, end));
    }
  });
}

void Decoder::step_rows(const cpu::Kernels& kernels, DecodeState& state, std::int64_t begin,
                        std::int64_t end) const {
  const LaneWork work{
      .kernels = kernels, .state = state, .first = begin, .x = state.x().cut(begin, end)};
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
}

}  // namespace mime_fast
