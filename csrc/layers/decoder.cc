#include "layers/decoder.h"

#include <algorithm>

namespace mime_fast {
namespace {

// Rows between two interrupt checks: some milliseconds with long contexts.
constexpr std::int64_t kRowsPerCheck = 64;

}  // namespace

Decoder::Decoder(TensorReader& tensors, const std::string& name, const StackConfig& config)
    : norm_(tensors, name + ".norm", config.hidden_dim) {
  for (std::int64_t i = 0; i < config.num_layers; ++i) {
    layers_.emplace_back(tensors, name + ".layers." + std::to_string(i), config);
  }
}

void Decoder::step(const cpu::Kernels& kernels, Team& team, DecodeState& state) const {
  // Fewer rows than this are cheaper on one thread than the synchronisation of several: 7 us a
  // row, less in pairs. A draft row stays with the row before it.
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
  const LayerBatch work{
      .kernels = kernels, .state = state, .first = begin, .x = state.x().cut(begin, end)};
  RowCache* row_caches = state.buffers().row_caches.data();
  std::int32_t cache = 0;
  for (const DecoderLayer& layer : layers_) {
    for (std::int64_t row = begin; row < end; ++row) {
      row_caches[row] = {static_cast<std::int32_t>(row), cache};
    }
    layer.step(work);
    ++cache;
  }
  norm_.apply(kernels, work.x, state.hidden().cut(begin, end));
}

}  // namespace mime_fast
