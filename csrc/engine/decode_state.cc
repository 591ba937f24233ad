#include "engine/decode_state.h"

#include <algorithm>
#include <utility>

namespace mime_fast {

using cpu::padded;

namespace {

constexpr std::int64_t kReservedFloats = std::int64_t{1} << 22;  // 16 MB of slots at the start

}  // namespace

DecodeState::DecodeState(const ModelConfig& config, std::int64_t max_rows, std::int64_t max_steps)
    : layers_(config.num_layers),
      max_steps_(max_steps),
      key_dim_(config.key_dim),
      dim_stride_(padded(config.hidden_dim)),
      filter_stride_(padded(config.filter_dim)),
      slot_stride_(2 * config.num_heads * padded(config.key_dim / config.num_heads)),
      scratch_stride_(padded(max_steps)) {
  resize(max_rows);
  windows_ = new_windows();
  const std::int64_t needed = max_rows * max_steps * layers_ * slot_stride_;
  slots_.reserve(static_cast<std::size_t>(std::min(needed, kReservedFloats)));
}

void DecodeState::join(const Memory& memory) {
  if (rows() == max_rows_) grow();
  if (memory.columns > scratch_stride_) {
    scratch_stride_ = memory.columns;
    scratch_ = Buffer<float>(max_rows_ * scratch_stride_);
  }
  const std::int64_t row = rows();
  memories_.push_back(&memory);
  continues_.push_back(0);
  slots_of_[static_cast<std::size_t>(row)].clear();
  const std::int64_t inner = kTaps * dim_stride_, outer = kTaps * filter_stride_;
  for (std::int64_t layer = 0; layer < layers_; ++layer) {
    std::fill_n(inner_windows(layer).row(row), inner, 0.0F);
    std::fill_n(outer_windows(layer).row(row), outer, 0.0F);
  }
}

void DecodeState::resize(std::int64_t max_rows) {
  max_rows_ = max_rows;
  const auto rows_count = static_cast<std::size_t>(max_rows);
  memories_.reserve(rows_count);
  spare_memories_.reserve(rows_count);
  continues_.reserve(rows_count);
  for (auto* histories : {&slots_of_, &spare_slots_of_}) {
    histories->resize(rows_count);
    for (auto& history : *histories) history.reserve(static_cast<std::size_t>(max_steps_));
  }
  spare_windows_ = new_windows();
  x_ = Buffer<float>(max_rows * dim_stride_);
  normed_ = Buffer<float>(max_rows * dim_stride_);
  hidden_ = Buffer<float>(max_rows * dim_stride_);
  qkv_ = Buffer<float>(max_rows * padded(3 * key_dim_));
  attended_ = Buffer<float>(max_rows * attended_stride());
  scratch_ = Buffer<float>(max_rows * scratch_stride_);
}

void DecodeState::grow() {
  resize(2 * max_rows_);
  for (std::int64_t row = 0; row < rows(); ++row) copy_windows(row, row);
  windows_ = std::exchange(spare_windows_, new_windows());
}

DecodeState::Windows DecodeState::new_windows() const {
  return {max_rows_, Buffer<float>(layers_ * max_rows_ * kTaps * dim_stride_),
          Buffer<float>(layers_ * max_rows_ * kTaps * filter_stride_)};
}

std::int64_t DecodeState::position(std::int64_t row) const {
  return static_cast<std::int64_t>(slots_of_[static_cast<std::size_t>(row)].size());
}

Rows DecodeState::inner_windows(std::int64_t layer) {
  const std::int64_t stride = kTaps * dim_stride_;
  return {windows_.inner.data() + layer * windows_.max_rows * stride, rows(), stride};
}

Rows DecodeState::outer_windows(std::int64_t layer) {
  const std::int64_t stride = kTaps * filter_stride_;
  return {windows_.outer.data() + layer * windows_.max_rows * stride, rows(), stride};
}

void DecodeState::push_slot(std::int64_t row) {
  const auto needed = [&] {
    return static_cast<std::size_t>((next_slot_ + 1) * layers_ * slot_stride_);
  };
  if (needed() > slots_.capacity()) {
    drop_unused_slots();
    if (2 * needed() > slots_.capacity()) slots_.reserve(4 * needed());
  }
  slots_.resize(needed());
  slots_of_[static_cast<std::size_t>(row)].push_back(next_slot_++);
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
  const std::int64_t slot_size = layers_ * slot_stride_;
  next_slot_ = 0;
  for (const std::int32_t slot : used) {
    const std::int32_t place = next_slot_++;
    if (place == slot) continue;
    std::copy_n(slots_.data() + slot * slot_size, slot_size, slots_.data() + place * slot_size);
  }
  for (auto history = histories; history != histories + rows(); ++history) {
    for (std::int32_t& slot : *history) {
      const auto place = std::lower_bound(used.begin(), used.end(), slot);
      slot = static_cast<std::int32_t>(place - used.begin());
    }
  }
}

void DecodeState::copy_windows(std::int64_t from, std::int64_t to) {
  const std::int64_t inner = kTaps * dim_stride_, outer = kTaps * filter_stride_;
  for (std::int64_t layer = 0; layer < layers_; ++layer) {
    const std::int64_t source = layer * windows_.max_rows + from;
    const std::int64_t target = layer * spare_windows_.max_rows + to;
    std::copy_n(windows_.inner.data() + source * inner, inner,
                spare_windows_.inner.data() + target * inner);
    std::copy_n(windows_.outer.data() + source * outer, outer,
                spare_windows_.outer.data() + target * outer);
  }
}

void DecodeState::select(const std::vector<std::int32_t>& parents) {
  const auto rows_count = static_cast<std::int64_t>(parents.size());
  if (rows_count > max_rows_) resize(rows_count);
  continues_.assign(parents.size(), 0);
  bool in_place = true;
  for (std::size_t row = 0; row < parents.size(); ++row) {
    in_place &= parents[row] == static_cast<std::int32_t>(row);
  }
  if (in_place) return memories_.resize(parents.size());
  spare_memories_.resize(parents.size());
  for (std::size_t row = 0; row < parents.size(); ++row) {
    if (parents[row] < 0) {
      continues_[row] = 1;
      spare_memories_[row] = spare_memories_[row - 1];
      spare_slots_of_[row].clear();
      continue;
    }
    const auto parent = static_cast<std::size_t>(parents[row]);
    spare_memories_[row] = memories_[parent];
    spare_slots_of_[row] = slots_of_[parent];
    copy_windows(parents[row], static_cast<std::int64_t>(row));
  }
  std::swap(memories_, spare_memories_);
  std::swap(slots_of_, spare_slots_of_);
  std::swap(windows_, spare_windows_);
  if (spare_windows_.max_rows < max_rows_) spare_windows_ = new_windows();
}

}  // namespace mime_fast
