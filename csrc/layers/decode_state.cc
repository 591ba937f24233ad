#include "layers/decode_state.h"

#include <algorithm>
#include <utility>

#include "runtime/out_of_memory.h"

namespace mime_fast {

using cpu::padded;

namespace {

void check(Interrupt* interrupt) {
  if (interrupt != nullptr) interrupt->check();
}

constexpr std::int64_t kReservedFloats = std::int64_t{1} << 22;  // 16 MB of slots at the start

}  // namespace

StepBuffers::StepBuffers(const StackConfig& config, std::int64_t rows, std::int64_t listeners)
    : lane_count(rows * std::max<std::int64_t>(1, listeners)),
      lanes(static_cast<std::size_t>(lane_count)),
      heard(listeners > 0 ? lane_count * padded(config.hidden_dim) : 0),
      normed(lane_count * padded(config.hidden_dim)),
      qkv(lane_count * padded(3 * config.key_dim)),
      attended(lane_count * (padded(config.key_dim) + cpu::kLanes)),
      inner(lane_count * kTaps * padded(config.hidden_dim)),
      outer(lane_count * kTaps * padded(config.filter_dim)) {}

DecodeState::DecodeState(const StackConfig& config, std::int64_t listeners, std::int64_t max_rows,
                         std::int64_t max_steps, Interrupt* interrupt)
    : config_(config),
      listeners_(listeners),
      caches_(config.num_layers + listeners),
      max_steps_(max_steps),
      dim_stride_(padded(config.hidden_dim)),
      slot_stride_(2 * config.num_heads * padded(config.key_dim / config.num_heads)),
      recent_stride_((kTaps - 1) * (dim_stride_ + padded(config.filter_dim))),
      scratch_stride_(padded(max_steps)) {
  resize(max_rows, interrupt);
  recent_ = new_recent();
  const std::int64_t needed = max_rows * max_steps * slot_step();
  reserve(slots_, static_cast<std::size_t>(std::min(needed, kReservedFloats)));
}

void DecodeState::join(const Memory& memory) {
  if (rows() == max_rows_) grow();
  if (memory.columns > scratch_stride_) {
    scratch_stride_ = memory.columns;
    scratch_ = Buffer<float>(buffers_.lane_count * scratch_stride_);
  }
  const std::int64_t row = rows();
  memories_.push_back(&memory);
  continues_.push_back(0);
  slots_of_[index(row)].clear();
  std::fill_n(recent(row, 0), memory.caches() * recent_stride_, 0.0F);
}

void DecodeState::resize(std::int64_t max_rows, Interrupt* interrupt) {
  max_rows_ = max_rows;
  const auto rows_count = static_cast<std::size_t>(max_rows);
  memories_.reserve(rows_count);
  spare_memories_.reserve(rows_count);
  continues_.reserve(rows_count);
  for (auto* histories : {&slots_of_, &spare_slots_of_}) {
    histories->resize(rows_count);
    for (auto& history : *histories) {
      check(interrupt);
      history.reserve(static_cast<std::size_t>(max_steps_));
    }
  }
  check(interrupt);
  spare_recent_ = new_recent();
  check(interrupt);
  x_ = Buffer<float>(max_rows * dim_stride_);
  hidden_ = Buffer<float>(max_rows * dim_stride_);
  check(interrupt);
  buffers_ = StepBuffers(config_, max_rows, listeners_);
  scratch_ = Buffer<float>(buffers_.lane_count * scratch_stride_);
}

void DecodeState::grow() {
  resize(2 * max_rows_);
  for (std::int64_t row = 0; row < rows(); ++row) copy_recent(row, row);
  recent_ = std::exchange(spare_recent_, new_recent());
}

std::int64_t DecodeState::position(std::int64_t row) const {
  return static_cast<std::int64_t>(slots(row).size());
}

void DecodeState::begin_step(Interrupt* interrupt) {
  for (std::int64_t row = 0; row < rows(); ++row) {
    check(interrupt);
    if (continues(row)) slots_of_[index(row)] = slots_of_[index(row - 1)];
    push_slot(row);
  }
}

void DecodeState::push_slot(std::int64_t row) {
  const auto needed = [&] { return static_cast<std::size_t>((next_slot_ + 1) * slot_step()); };
  if (needed() > slots_.capacity()) {
    drop_unused_slots();
    if (2 * needed() > slots_.capacity()) reserve(slots_, 4 * needed());
  }
  slots_.resize(needed());
  slots_of_[index(row)].push_back(next_slot_++);
}

// Rows that left, and hypotheses that nobody continued, leave holes: the others move down.
void DecodeState::drop_unused_slots() {
  std::vector<std::int32_t> used;
  const auto histories = slots_of_.begin();
  for (auto history = histories; history != histories + rows(); ++history) {
    used.insert(used.end(), history->begin(), history->end());
  }
  std::sort(used.begin(), used.end());
  used.erase(std::unique(used.begin(), used.end()), used.end());
  next_slot_ = 0;
  for (const std::int32_t slot : used) {
    const std::int32_t place = next_slot_++;
    if (place == slot) continue;
    std::copy_n(slots_.data() + slot * slot_step(), slot_step(),
                slots_.data() + place * slot_step());
  }
  for (auto history = histories; history != histories + rows(); ++history) {
    for (std::int32_t& slot : *history) {
      const auto place = std::lower_bound(used.begin(), used.end(), slot);
      slot = static_cast<std::int32_t>(place - used.begin());
    }
  }
}

void DecodeState::copy_recent(std::int64_t from, std::int64_t to) {
  std::copy_n(recent(from, 0), memory(from).caches() * recent_stride_,
              spare_recent_.data() + to * caches_ * recent_stride_);
}

void DecodeState::select(const std::vector<std::int32_t>& parents, Interrupt* interrupt) {
  const auto rows_count = static_cast<std::int64_t>(parents.size());
  if (rows_count > max_rows_) resize(rows_count);
  continues_.assign(parents.size(), 0);
  has_drafts_ = false;
  bool in_place = true;
  for (std::size_t row = 0; row < parents.size(); ++row) {
    in_place &= parents[row] == static_cast<std::int32_t>(row);
  }
  if (in_place) return memories_.resize(parents.size());
  spare_memories_.resize(parents.size());
  for (std::size_t row = 0; row < parents.size(); ++row) {
    check(interrupt);
    if (parents[row] < 0) {
      continues_[row] = 1;
      has_drafts_ = true;
      spare_memories_[row] = spare_memories_[row - 1];
      spare_slots_of_[row].clear();
      continue;
    }
    const auto parent = static_cast<std::size_t>(parents[row]);
    spare_memories_[row] = memories_[parent];
    spare_slots_of_[row] = slots_of_[parent];
    copy_recent(parents[row], static_cast<std::int64_t>(row));
  }
  std::swap(memories_, spare_memories_);
  std::swap(slots_of_, spare_slots_of_);
  std::swap(recent_, spare_recent_);
  if (spare_recent_.size() < recent_.size()) spare_recent_ = new_recent();
}

}  // namespace mime_fast
