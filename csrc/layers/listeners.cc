#include "layers/listeners.h"

#include <algorithm>
#include <utility>

namespace mime_fast {
namespace {

// Where a thread's lanes begin: a lane whose row continues the row before stays with that one's.
std::int64_t whole(DecodeState& state, std::int64_t lane, std::int64_t end) {
  const std::vector<Lane>& lanes = state.buffers().lanes;
  while (lane < end && state.continues(lanes[static_cast<std::size_t>(lane)].row)) ++lane;
  return lane;
}

// Each row's weighted sum, always in the order of its listeners.
void mix(DecodeState& state, const std::vector<std::int32_t>& lanes_of) {
  const Rows x = state.x();
  const float* heard = state.buffers().heard.data();
  auto lane = lanes_of.begin();
  for (std::int64_t row = 0; row < x.count; ++row) {
    std::fill_n(x.row(row), x.stride, 0.0F);
    for (const Listener& listener : state.memory(row).listeners) {
      const float* said = heard + *lane++ * x.stride;
      for (std::int64_t i = 0; i < x.stride; ++i) x.row(row)[i] += listener.weight * said[i];
    }
  }
}

}  // namespace

Listeners::Listeners(Weights& weights, const std::vector<std::string>& names,
                     const StackConfig& config) {
  for (const std::string& name : names) layers_.emplace_back(weights, name, config);
}

void Listeners::step(const cpu::Kernels& kernels, Team& team, DecodeState& state) const {
  const Plan lanes = plan(state);
  const std::int64_t count = lanes.begins.back();
  team.split(count, 1, [&](std::int64_t begin, std::int64_t end) {
    run(kernels, team, state, lanes, whole(state, begin, count), whole(state, end, count));
  });
  mix(state, lanes.lanes_of);
}

Listeners::Plan Listeners::plan(DecodeState& state) const {
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
  for (std::int64_t& lanes : plan.begins) begin += std::exchange(lanes, begin);

  std::vector<std::int64_t> next = plan.begins;
  plan.lanes_of.reserve(static_cast<std::size_t>(count));
  for (std::int64_t row = 0; row < state.rows(); ++row) {
    const Memory& memory = state.memory(row);
    auto cache = static_cast<std::int32_t>(memory.layers);
    for (const Listener& listener : memory.listeners) {
      const std::int64_t lane = next[static_cast<std::size_t>(listener.id)]++;
      state.buffers().lanes[static_cast<std::size_t>(lane)] = {static_cast<std::int32_t>(row),
                                                               cache++};
      plan.lanes_of.push_back(static_cast<std::int32_t>(lane));
    }
  }
  return plan;
}

// Lanes [begin, end), listener by listener.
void Listeners::run(const cpu::Kernels& kernels, const Team& team, DecodeState& state,
                    const Plan& plan, std::int64_t begin, std::int64_t end) const {
  StepBuffers& buffers = state.buffers();
  for (std::size_t id = 0; id < layers_.size(); ++id) {
    const std::int64_t first = std::max(begin, plan.begins[id]);
    const std::int64_t last = std::min(end, plan.begins[id + 1]);
    if (first >= last) continue;
    team.check();
    const LaneWork work{.kernels = kernels,
                        .state = state,
                        .first = first,
                        .x = buffers.cut(buffers.heard, first, last - first)};
    for (std::int64_t i = 0; i < work.x.count; ++i) {
      std::copy_n(state.x().row(work.lanes()[i].row), work.x.stride, work.x.row(i));
    }
    layers_[id].step(work);
  }
}

}  // namespace mime_fast
