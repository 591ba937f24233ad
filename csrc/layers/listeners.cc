#include "layers/listeners.h"

#include <algorithm>
#include <utility>

namespace mime_fast {
namespace {

// Moves the start of a thread's share behind draft rows, which stay with the row before them.
std::int64_t skip_draft_rows(DecodeState& state, std::int64_t begin, std::int64_t end) {
  const std::vector<RowCache>& row_caches = state.buffers().row_caches;
  const auto row = [&] { return row_caches[static_cast<std::size_t>(begin)].row; };
  while (begin < end && state.is_draft_row(row())) ++begin;
  return begin;
}

// Computes the weighted sum of each row, always in the order of its listeners.
void mix(DecodeState& state, const std::vector<std::int32_t>& indices) {
  const RowView x = state.x();
  const float* listener_output = state.buffers().listener_output.data();
  auto index = indices.begin();
  for (std::int64_t row = 0; row < x.count; ++row) {
    std::fill_n(x.row(row), x.stride, 0.0F);
    for (const Listener& listener : state.memory(row).listeners) {
      const float* output = listener_output + *index++ * x.stride;
      for (std::int64_t i = 0; i < x.stride; ++i) x.row(row)[i] += listener.weight * output[i];
    }
  }
}

}  // namespace

Listeners::Listeners(TensorReader& tensors, const std::vector<std::string>& names,
                     const StackConfig& config) {
  for (const std::string& name : names) layers_.emplace_back(tensors, name, config);
}

void Listeners::step(const cpu::Kernels& kernels, Team& team, DecodeState& state) const {
  const Plan plan = sort_row_caches(state);
  const std::int64_t count = plan.begins.back();
  team.split(count, 1, [&](std::int64_t begin, std::int64_t end) {
    run(kernels, team, state, plan, skip_draft_rows(state, begin, count),
        skip_draft_rows(state, end, count));
  });
  mix(state, plan.indices);
}

Listeners::Plan Listeners::sort_row_caches(DecodeState& state) const {
  Plan plan;
  plan.begins.assign(layers_.size() + 1, 0);
  const auto begin_of = [&](const Listener& listener) -> std::int64_t& {
    return plan.begins[static_cast<std::size_t>(listener.id)];
  };
  std::int64_t count = 0;
  for (std::int64_t row = 0; row < state.rows(); ++row) {
    for (const Listener& listener : state.memory(row).listeners) ++begin_of(listener), ++count;
  }
  std::int64_t begin = 0;
  for (std::int64_t& count_of : plan.begins) begin += std::exchange(count_of, begin);

  std::vector<std::int64_t> next = plan.begins;
  plan.indices.reserve(static_cast<std::size_t>(count));
  for (std::int64_t row = 0; row < state.rows(); ++row) {
    const EncoderMemory& memory = state.memory(row);
    auto cache = static_cast<std::int32_t>(memory.layers);
    for (const Listener& listener : memory.listeners) {
      const std::int64_t index = next[static_cast<std::size_t>(listener.id)]++;
      state.buffers().row_caches[static_cast<std::size_t>(index)] = {static_cast<std::int32_t>(row),
                                                                     cache++};
      plan.indices.push_back(static_cast<std::int32_t>(index));
    }
  }
  return plan;
}

// Computes row caches [begin, end), listener by listener.
void Listeners::run(const cpu::Kernels& kernels, const Team& team, DecodeState& state,
                    const Plan& plan, std::int64_t begin, std::int64_t end) const {
  StepBuffers& buffers = state.buffers();
  for (std::size_t id = 0; id < layers_.size(); ++id) {
    const std::int64_t first = std::max(begin, plan.begins[id]);
    const std::int64_t last = std::min(end, plan.begins[id + 1]);
    if (first >= last) continue;
    team.check();
    const LayerBatch work{.kernels = kernels,
                          .state = state,
                          .first = first,
                          .x = buffers.cut(buffers.listener_output, first, last - first)};
    for (std::int64_t i = 0; i < work.x.count; ++i) {
      std::copy_n(state.x().row(work.row_caches()[i].row), work.x.stride, work.x.row(i));
    }
    layers_[id].step(work);
  }
}

}  // namespace mime_fast
