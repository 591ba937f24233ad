#pragma once

#include <cstdint>
#include <vector>

#include "layers/decoder_shape.h"
#include "layers/encoder_output.h"
#include "layers/matrix.h"

namespace mime_fast {

// A row in one layer. The caches of a row are numbered in the order of EncoderMemory.
struct RowCache {
  std::int32_t row;
  std::int32_t cache;
};

// The buffers of a step. A layer of the decoder has one row cache for each row. Listeners decode
// side by side: each has a row cache for every row that it takes part in.
struct StepBuffers {
  StepBuffers() = default;
  StepBuffers(const DecoderShape& shape, std::int64_t rows, std::int64_t listeners);

  RowView cut(Buffer<float>& buffer, std::int64_t begin, std::int64_t count) const {
    return RowView{buffer.data(), 0, buffer.size() / capacity}.cut(begin, begin + count);
  }

  std::int64_t capacity = 0;         // row caches that there is room for
  std::vector<RowCache> row_caches;  // (capacity,)
  Buffer<float> listener_output;     // (capacity, dim)
  Buffer<float> normed;              // (capacity, dim)
  Buffer<float> qkv;                 // (capacity, query_dim + 2 * kv_dim)
  Buffer<float> attended;            // (capacity, query_dim), with room for one more vector
  Buffer<float> inner;               // (capacity, taps, dim) inputs of a convolution, oldest first
  Buffer<float> outer;               // (capacity, taps, filter) likewise
};

// The rows that are being decoded, each a hypothesis with its own key/value (KV) cache. A step, a
// fork and a drop allocate nothing, except where a long search outgrows the reserved cache.
class DecodeState {
 public:
  // No row has more than `listeners` or takes more than max_steps steps. The buffers grow where
  // there are more than max_rows rows. interrupt: the one of the call, or null; buffers of 10,000
  // rows take 0.1 s to allocate.
  DecodeState(const DecoderShape& shape, std::int64_t listeners, std::int64_t max_rows,
              std::int64_t max_steps, Interrupt* interrupt = nullptr);

  // A parent that makes a draft row: see select.
  static constexpr std::int32_t kDraftRow = -1;

  // Appends a row at the start of its reply.
  // memory: what the row attends to; it outlives the row. max_steps: of this row; the buffers grow
  // where it is above that of the constructor.
  void join(const EncoderMemory& memory, std::int64_t max_steps = 0);

  std::int64_t rows() const { return static_cast<std::int64_t>(memories_.size()); }
  // Number of steps that a row has taken: the position of its next token.
  std::int64_t position(std::int64_t row) const;
  const EncoderMemory& memory(std::int64_t row) const { return *memories_[index(row)]; }
  // Whether the row verifies a draft. A draft row is one position ahead of the row before it, and
  // reads the keys and values that the row before caches.
  bool is_draft_row(std::int64_t row) const { return is_draft_row_[index(row)] != 0; }
  bool has_drafts() const { return has_drafts_; }

  // Keeps these rows, in this order: hypotheses fork, move and leave. The parent of a draft row is
  // kDraftRow; its context is that of the row before, and the token which that row decodes next.
  // interrupt: the one of the call, or null.
  void select(const std::vector<std::int32_t>& parents, Interrupt* interrupt = nullptr);

  // Returns the memory of a former wide search: keeps room for max_rows rows, and for those that
  // are left. It does nothing if there is room for no more. Call it between two steps.
  void trim(std::int64_t max_rows);

  // What follows is used by the layers of a step.

  // Gives each row its next position, and a KV position to cache it in.
  void begin_step(Interrupt* interrupt = nullptr);
  RowView x() { return {x_.data(), rows(), dim_stride_}; }
  // The final layer norm's output of the newest step: (rows, dim).
  RowView hidden() { return {hidden_.data(), rows(), dim_stride_}; }
  StepBuffers& buffers() { return buffers_; }
  // Attention weights of one row cache.
  float* scratch(std::int64_t index) { return scratch_.data() + index * scratch_stride_; }

  // Where the keys and values of a row are cached, oldest first.
  const std::vector<std::int32_t>& kv_positions(std::int64_t row) const {
    return kv_positions_[index(row)];
  }
  // The keys of a cached position, then its values; each head is padded to vectors.
  float* kv(std::int64_t kv_position, std::int64_t cache) {
    return kv_.data() + kv_position * kv_stride() + cache * cache_stride_;
  }
  // Floats from one KV position to the next.
  std::int64_t kv_stride() const { return caches_ * cache_stride_; }
  // The two newest inputs of both convolutions: (2, dim), (2, filter).
  float* conv_state(std::int64_t row, std::int64_t cache) {
    return conv_state_.data() + (row * caches_ + cache) * conv_state_stride_;
  }

 private:
  static std::size_t index(std::int64_t row) { return static_cast<std::size_t>(row); }
  void resize(std::int64_t max_rows, Interrupt* interrupt = nullptr);
  void reallocate(std::int64_t max_rows);
  std::size_t reserved_floats() const;
  Buffer<float> new_conv_state() const {
    return Buffer<float>(max_rows_ * caches_ * conv_state_stride_);
  }
  void copy_conv_state(std::int64_t from, std::int64_t to);
  void add_kv_position(std::int64_t row);
  void compact_kv();

  DecoderShape shape_;
  std::int64_t listeners_;
  std::int64_t caches_;  // most that a row may have
  std::int64_t max_steps_;
  std::int64_t dim_stride_;
  std::int64_t cache_stride_;       // floats of one KV position in one cache
  std::int64_t conv_state_stride_;  // floats of one cache
  std::int64_t scratch_stride_;     // attention weights of a head
  std::int64_t max_rows_ = 0;

  std::vector<const EncoderMemory*> memories_, spare_memories_;               // (rows,)
  std::vector<std::vector<std::int32_t>> kv_positions_, spare_kv_positions_;  // (max_rows, steps)
  std::vector<char> is_draft_row_;                                            // (rows,)
  bool has_drafts_ = false;
  Buffer<float> conv_state_, spare_conv_state_;  // (max_rows, caches, conv_state_stride_)
  std::vector<float> kv_;                        // (kv_count_, caches, cache_stride_)
  std::int32_t kv_count_ = 0;

  Buffer<float> x_, hidden_;  // (max_rows, dim)
  Buffer<float> scratch_;     // (capacity, scratch_stride_)
  StepBuffers buffers_;
};

}  // namespace mime_fast
