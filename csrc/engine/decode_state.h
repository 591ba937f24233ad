#pragma once

#include <cstdint>
#include <vector>

#include "engine/matrix.h"
#include "engine/memory.h"
#include "engine/model_config.h"

namespace mime_fast {

// The rows that are being decoded, each a hypothesis with its own caches. Nothing is allocated
// while they are stepped, forked and dropped, except where a long search outgrows its slots.
class DecodeState {
 public:
  // No row takes more than max_steps steps; more than max_rows rows make the buffers grow.
  DecodeState(const ModelConfig& config, std::int64_t max_rows, std::int64_t max_steps);

  // A further row, behind the others, at the start of its reply.
  // memory: what it attends to; outlives the row.
  void join(const Memory& memory);

  std::int64_t rows() const { return static_cast<std::int64_t>(memories_.size()); }
  // Steps that a row has taken: the position of its next token.
  std::int64_t position(std::int64_t row) const;
  // The final layer norm's output of the newest step: (rows, dim).
  Rows hidden() { return {hidden_.data(), rows(), dim_stride_}; }

  // Keeps these rows, in this order: hypotheses fork, move and leave. A parent of -1 is the row
  // before, with the token that it is given in the next step: the row verifies a draft.
  void select(const std::vector<std::int32_t>& parents);

 private:
  friend class Decoder;

  // What a row's convolutions remember: their last three inputs, oldest first.
  struct Windows {
    std::int64_t max_rows;
    Buffer<float> inner;  // (layers, max_rows, 3, dim)
    Buffer<float> outer;  // (layers, max_rows, 3, filter)
  };

  Rows inner_windows(std::int64_t layer);
  Rows outer_windows(std::int64_t layer);
  // A cached position, for one layer: its keys, then its values, each head padded to vectors.
  float* slot(std::int64_t index, std::int64_t layer) {
    return slots_.data() + (index * layers_ + layer) * slot_stride_;
  }
  void resize(std::int64_t max_rows);
  void grow();
  Windows new_windows() const;
  std::int64_t attended_stride() const { return cpu::padded(key_dim_) + cpu::kLanes; }
  bool continues(std::int64_t row) const { return continues_[static_cast<std::size_t>(row)]; }
  void push_slot(std::int64_t row);
  void drop_unused_slots();
  void copy_windows(std::int64_t from, std::int64_t to);

  std::int64_t layers_;
  std::int64_t max_steps_;
  std::int64_t key_dim_;
  std::int64_t dim_stride_;
  std::int64_t filter_stride_;
  std::int64_t slot_stride_;     // of one layer
  std::int64_t scratch_stride_;  // attention weights of a head
  std::int64_t max_rows_ = 0;

  std::vector<const Memory*> memories_, spare_memories_;              // (rows,)
  std::vector<std::vector<std::int32_t>> slots_of_, spare_slots_of_;  // (max_rows, steps)
  std::vector<char> continues_;                                       // (rows,) the row before
  Windows windows_{}, spare_windows_{};
  std::vector<float> slots_;  // (next_slot_, layers, slot_stride_)
  std::int32_t next_slot_ = 0;

  Buffer<float> x_, normed_, qkv_, attended_, hidden_, scratch_;  // (max_rows, ...)
};

}  // namespace mime_fast
