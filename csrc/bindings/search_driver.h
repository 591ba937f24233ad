#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "bindings/arguments.h"
#include "bindings/one_thread.h"
#include "runtime/interrupt.h"
#include "search/dense_scores.h"
#include "search/options.h"
#include "search/search.h"

namespace mime_fast {

// A search that Python drives with logits; it owns the buffers of a step.
class SearchDriver {
 public:
  // options, blocked: the same as the search's.
  SearchDriver(std::unique_ptr<Search> search, const GenerationOptions& options,
               const TokenIds& blocked);

  std::int64_t rows();
  pybind11::tuple advance(pybind11::handle logits);
  pybind11::tuple agreed();
  pybind11::object leader();
  pybind11::list results();

 private:
  void check_shape(std::int64_t rows, std::int64_t vocab);
  void step(const float* logits, Interrupt& interrupt);

  std::unique_ptr<Search> search_;
  const cpu::Kernels& kernels_ = cpu::kernels(cpu::chosen_isa());
  OneThread one_thread_;
  std::int64_t least_vocab_;
  std::int64_t vocab_ = 0;     // that of the first step
  std::vector<float> logits_;  // (rows, vocab), constrained
  std::vector<DenseScores> scores_;
  std::vector<RowScores*> rows_;
  std::vector<std::int32_t> parents_;
  TokenIds tokens_;
};

}  // namespace mime_fast
