#pragma once

#include <cstdint>
#include <vector>

#include "layers/matrix.h"
#include "layers/memory.h"
#include "layers/stack_config.h"

namespace mime_fast {

// A row in one layer, with the row's cache that is the layer's: in the order of Memory's.
struct Lane {
  std::int32_t row;
  std::int32_t cache;
};

// What the layers of a step work in. Layers that decode one behind the other have a lane a row;
// listeners, which decode side by side, have one for each row that they speak to.
struct StepBuffers {
  StepBuffers() = default;
  StepBuffers(const StackConfig& config, std::int64_t rows, std::int64_t listeners);

  Rows cut(Buffer<float>& buffer, std::int64_t begin, std::int64_t count) const {
    return Rows{buffer.data(), 0, buffer.size() / lane_count}.cut(begin, begin + count);
  }

  std::int64_t lane_count = 0;
  std::vector<Lane> lanes;     // (lanes,)
  Buffer<float> heard;         // (lanes, dim) what listeners make of a row
  Buffer<float> normed;        // (lanes, dim)
  Buffer<float> qkv;           // (lanes, 3 * key_dim)
  Buffer<float> attended;      // (lanes, key_dim), with room for one more vector
  Buffer<float> inner, outer;  // (lanes, 3, dim) and (lanes, 3, filter): convolved, oldest first
};

// The rows that are being decoded, each a hypothesis with its own caches. Nothing is allocated
// while they are stepped, forked and dropped, except where a long search outgrows its slots.
class DecodeState {
 public:
  // No row has more than `listeners`, or takes more than max_steps steps; more than max_rows rows
  // make the buffers grow. interrupt: of the call, or null; 10,000 rows take 0.1 s to make.
  DecodeState(const StackConfig& config, std::int64_t listeners, std::int64_t max_rows,
              std::int64_t max_steps, Interrupt* interrupt = nullptr);

  // A further row, behind the others, at the start of its reply.
  // memory: what it attends to; outlives the row.
  void join(const Memory& memory);

  std::int64_t rows() const { return static_cast<std::int64_t>(memories_.size()); }
  // Steps that a row has taken: the position of its next token.
  std::int64_t position(std::int64_t row) const;
  const Memory& memory(std::int64_t row) const { return *memories_[index(row)]; }
  // Whether it is at the position behind that of the row before, and reads what that one caches.
  bool continues(std::int64_t row) const { return continues_[index(row)] != 0; }
  bool has_drafts() const { return has_drafts_; }

  // Keeps these rows, in this order: hypotheses fork, move and leave. A parent of -1 is the row
  // before, with the token that it is given in the next step: the row verifies a draft.
  // interrupt: of the call, or null.
  void select(const std::vector<std::int32_t>& parents, Interrupt* interrupt = nullptr);

  // For those who make a step.

  // Gives each row its next position, and a slot to cache it in.
  void begin_step(Interrupt* interrupt = nullptr);
  Rows x() { return {x_.data(), rows(), dim_stride_}; }
  // The final layer norm's output of the newest step: (rows, dim).
  Rows hidden() { return {hidden_.data(), rows(), dim_stride_}; }
  StepBuffers& buffers() { return buffers_; }
  float* scratch(std::int64_t lane) { return scratch_.data() + lane * scratch_stride_; }

  // Where a row's positions are cached, oldest first.
  const std::vector<std::int32_t>& slots(std::int64_t row) const { return slots_of_[index(row)]; }
  // A cached position: its keys, then its values, each head padded to vectors.
  float* slot(std::int64_t slot, std::int64_t cache) {
    return slots_.data() + slot * slot_step() + cache * slot_stride_;
  }
  std::int64_t slot_step() const { return caches_ * slot_stride_; }
  // The two newest inputs of both convolutions: (2, dim), (2, filter).
  float* recent(std::int64_t row, std::int64_t cache) {
    return recent_.data() + (row * caches_ + cache) * recent_stride_;
  }

 private:
  static std::size_t index(std::int64_t row) { return static_cast<std::size_t>(row); }
  void resize(std::int64_t max_rows, Interrupt* interrupt = nullptr);
  void grow();
  Buffer<float> new_recent() const { return Buffer<float>(max_rows_ * caches_ * recent_stride_); }
  void copy_recent(std::int64_t from, std::int64_t to);
  void push_slot(std::int64_t row);
  void drop_unused_slots();

  StackConfig config_;
  std::int64_t listeners_;
  std::int64_t caches_;  // of a row, at most
  std::int64_t max_steps_;
  std::int64_t dim_stride_;
  std::int64_t slot_stride_;     // of one cache
  std::int64_t recent_stride_;   // of one cache
  std::int64_t scratch_stride_;  // attention weights of a head
  std::int64_t max_rows_ = 0;

  std::vector<const Memory*> memories_, spare_memories_;              // (rows,)
  std::vector<std::vector<std::int32_t>> slots_of_, spare_slots_of_;  // (max_rows, steps)
  std::vector<char> continues_;                                       // (rows,) the row before
  bool has_drafts_ = false;
  Buffer<float> recent_, spare_recent_;  // (max_rows, caches, recent_stride_)
  std::vector<float> slots_;             // (next_slot_, caches, slot_stride_)
  std::int32_t next_slot_ = 0;

  Buffer<float> x_, hidden_;  // (max_rows, dim)
  Buffer<float> scratch_;     // (lanes, scratch_stride_)
  StepBuffers buffers_;
};

}  // namespace mime_fast
