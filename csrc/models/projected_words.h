#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "cpu/kernels.h"
#include "layers/matrix.h"
#include "runtime/buffer.h"

namespace mime_fast {

// The input projection of a stack, folded into the word table: sqrt(dim) E W. The row of a word is
// computed when it is first read. All rows took a third of the time from start to first reply, and
// a reply reads twenty. Any number of threads may read; none waits for another one.
class ProjectedWords {
 public:
  ProjectedWords() = default;
  // embedding   // (vocab, dim)
  // projection  // dim -> dim, sqrt(dim) included
  ProjectedWords(std::shared_ptr<const std::vector<float>> embedding, std::int64_t vocab,
                 Matrix projection);

  // The row of a word, (stride,): valid as long as this object.
  const float* row(const cpu::Kernels& kernels, std::int64_t word) const;

 private:
  struct Row {
    std::atomic<const Buffer<float>*> values{nullptr};  // null until it is read

    ~Row() { delete values.load(); }
  };

  std::shared_ptr<const std::vector<float>> embedding_;
  Matrix projection_;
  std::unique_ptr<Row[]> rows_;
};

}  // namespace mime_fast
