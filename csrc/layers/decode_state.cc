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

// Reserved for keys and values at the start: 16 MB.
constexpr std::int64_t kReservedFloats = std::int64_t{1} << 22;

}  // namespace

StepBuffers::StepBuffers(const DecoderShape& shape, std::int64_t rows, std::int64_t listeners)
    : capacity(rows * std::max<std::int64_t>(1, listeners)),
      row_caches(static_cast<std::size_t>(capacity)),
      listener_output(listeners > 0 ? capacity * padded(shape.dim) : 0),
      normed(capacity * padded(shape.dim)),
      qkv(capacity * padded(shape.query_dim + 2 * shape.kv_dim())),
      attended(capacity * (padded(shape.query_dim) + cpu::kLanes)),
      inner(capacity * shape.taps * padded(shape.dim)),
      outer(capacity * shape.taps * padded(shape.filter_dim)) {}

DecodeState::DecodeState(const DecoderShape& shape, std::int64_t listeners, std::int64_t max_rows,
                         std::int64_t max_steps, Interrupt* interrupt)
    : shape_(shape),
      listeners_(listeners),
      caches_(shape.layers + listeners),
      max_steps_(max_steps),
      dim_stride_(padded(shape.dim)),
      cache_stride_(2 * shape.kv_heads * padded(shape.head_dim)),
      conv_state_stride_((shape.taps - 1) * (dim_stride_ + padded(shape.filter_dim))),
      scratch_stride_(padded(max_steps)) {
  resize(max_rows, interrupt);
  conv_state_ = new_conv_state();
  reserve(kv_, reserved_floats());
}

std::size_t DecodeState::reserved_floats() const {
  const std::int64_t needed = max_rows_ * max_steps_ * kv_stride();
  return static_cast<std::size_t>(std::min(needed, kReservedFloats));
}

void DecodeState::join(const EncoderMemory& memory, std::int64_t max_steps) {
  if (rows() == max_rows_) reallocate(2 * max_rows_);
  max_steps_ = std::max(max_steps_, max_steps);
  const std::int64_t needed = std::max(memory.columns, padded(max_steps_));
  if (needed > scratch_stride_) {
    scratch_stride_ = needed;
    scratch_ = Buffer<float>(buffers_.capacity * scratch_stride_);
  }
  const std::int64_t row = rows();
  memories_.push_back(&memory);
  is_draft_row_.push_back(0);
  kv_positions_[index(row)].clear();
  std::fill_n(conv_state(row, 0), memory.caches() * conv_state_stride_, 0.0F);
}

void DecodeState::resize(std::int64_t max_rows, Interrupt* interrupt) {
  max_rows_ = max_rows;
  const auto rows_count = static_cast<std::size_t>(max_rows);
  memories_.reserve(rows_count);
  spare_memories_.reserve(rows_count);
  is_draft_row_.reserve(rows_count);
  for (auto* histories : {&kv_positions_, &spare_kv_positions_}) {
    histories->resize(rows_count);
    for (auto& history : *histories) {
      check(interrupt);
      history.reserve(static_cast<std::size_t>(max_steps_));
    }
  }
  check(interrupt);
  spare_conv_state_ = new_conv_state();
  check(interrupt);
  x_ = Buffer<float>(max_rows * dim_stride_);
  hidden_ = Buffer<float>(max_rows * dim_stride_);
  check(interrupt);
  buffers_ = StepBuffers(shape_, max_rows, listeners_);
  scratch_ = Buffer<float>(buffers_.capacity * scratch_stride_);
}

void DecodeState::reallocate(std::int64_t max_rows) {
  resize(max_rows);
  for (std::int64_t row = 0; row < rows(); ++row) copy_conv_state(row, row);
  conv_state_ = std::exchange(spare_conv_state_, new_conv_state());
}

void DecodeState::trim(std::int64_t max_rows) {
  max_rows = std::max(max_rows, rows());
  if (max_rows >= max_rows_) return;
  reallocate(max_rows);
  compact_kv();
  const auto used = static_cast<std::size_t>(kv_count_ * kv_stride());
  std::vector<float> kept;
  reserve(kept, std::max(reserved_floats(), 4 * used));
  kept.assign(kv_.begin(), kv_.begin() + static_cast<std::ptrdiff_t>(used));
  kv_.swap(kept);
}

std::int64_t DecodeState::position(std::int64_t row) const {
  return static_cast<std::int64_t>(kv_positions(row).size());
}

void DecodeState::begin_step(Interrupt* interrupt) {
  for (std::int64_t row = 0; row < rows(); ++row) {
    check(interrupt);
    if (is_draft_row(row)) kv_positions_[index(row)] = kv_positions_[index(row - 1)];
    add_kv_position(row);
  }
}

void DecodeState::add_kv_position(std::int64_t row) {
  const auto needed = [&] { return static_cast<std::size_t>((kv_count_ + 1) * kv_stride()); };
  if (needed() > kv_.capacity()) {
    compact_kv();
    if (2 * needed() > kv_.capacity()) reserve(kv_, 4 * needed());
  }
  kv_.resize(needed());
  kv_positions_[index(row)].push_back(kv_count_++);
}

// Rows that left and hypotheses without a successor leave holes; the other positions move down.
void DecodeState::compact_kv() {
  std::vector<std::int32_t> used;
  const auto histories = kv_positions_.begin();
  for (auto history = histories; history != histories + rows(); ++history) {
    used.insert(used.end(), history->begin(), history->end());
  }
  std::sort(used.begin(), used.end());
  used.erase(std::unique(used.begin(), used.end()), used.end());
  kv_count_ = 0;
  for (const std::int32_t from : used) {
    const std::int32_t to = kv_count_++;
    if (to == from) continue;
    std::copy_n(kv_.data() + from * kv_stride(), kv_stride(), kv_.data() + to * kv_stride());
  }
  for (auto history = histories; history != histories + rows(); ++history) {
    for (std::int32_t& kv_position : *history) {
      const auto found = std::lower_bound(used.begin(), used.end(), kv_position);
      kv_position = static_cast<std::int32_t>(found - used.begin());
    }
  }
}

void DecodeState::copy_conv_state(std::int64_t from, std::int64_t to) {
  std::copy_n(conv_state(from, 0), memory(from).caches() * conv_state_stride_,
              spare_conv_state_.data() + to * caches_ * conv_state_stride_);
}

void DecodeState::select(const std::vector<std::int32_t>& parents, Interrupt* interrupt) {
  const auto rows_count = static_cast<std::int64_t>(parents.size());
  if (rows_count > max_rows_) resize(rows_count);
  is_draft_row_.assign(parents.size(), 0);
  has_drafts_ = false;
  bool in_place = true;
  for (std::size_t row = 0; row < parents.size(); ++row) {
    in_place &= parents[row] == static_cast<std::int32_t>(row);
  }
  if (in_place) return memories_.resize(parents.size());
  spare_memories_.resize(parents.size());
  for (std::size_t row = 0; row < parents.size(); ++row) {
    check(interrupt);
    if (parents[row] == kDraftRow) {
      is_draft_row_[row] = 1;
      has_drafts_ = true;
      spare_memories_[row] = spare_memories_[row - 1];
      spare_kv_positions_[row].clear();
      continue;
    }
    const auto parent = static_cast<std::size_t>(parents[row]);
    spare_memories_[row] = memories_[parent];
    spare_kv_positions_[row] = kv_positions_[parent];
    copy_conv_state(parents[row], static_cast<std::int64_t>(row));
  }
  std::swap(memories_, spare_memories_);
  std::swap(kv_positions_, spare_kv_positions_);
  std::swap(conv_state_, spare_conv_state_);
  if (spare_conv_state_.size() < conv_state_.size()) spare_conv_state_ = new_conv_state();
}

}  // namespace mime_fast
