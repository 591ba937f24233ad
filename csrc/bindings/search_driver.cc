#include "bindings/search_driver.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "bindings/gil.h"
#include "bindings/hypothesis.h"
#include "sampling/check.h"
#include "search/special.h"

namespace py = pybind11;

namespace mime_fast {
namespace {

constexpr const char* kSearch = "search";

std::int64_t least_vocab(const GenerationOptions& options, const TokenIds& blocked) {
  std::int64_t least = kCls + 1;
  for (const TokenIds& words : options.bad_words) {
    for (const std::int32_t id : words) least = std::max(least, std::int64_t{id} + 1);
  }
  for (const std::int32_t id : blocked) {
    require(id >= 0, "blocked must hold ids of at least 0", std::int64_t{id});
    least = std::max(least, std::int64_t{id} + 1);
  }
  return least;
}

}  // namespace

SearchDriver::SearchDriver(std::unique_ptr<Search> search, const GenerationOptions& options,
                           const TokenIds& blocked)
    : search_(std::move(search)), least_vocab_(least_vocab(options, blocked)) {}

std::int64_t SearchDriver::rows() {
  const OneThread::Use use(one_thread_, kSearch);
  return search_->rows();
}

py::tuple SearchDriver::advance(py::handle logits_arg) {
  const OneThread::Use use(one_thread_, kSearch);
  const auto logits = to_array<float>(logits_arg, "logits", 2, "(rows, vocab)");
  check_shape(logits.shape(0), logits.shape(1));
  const float* data = logits.data();
  run_without_gil([&](Interrupt& interrupt) { step(data, interrupt); });
  return py::make_tuple(py::cast(parents_), py::cast(tokens_));
}

// The vocabulary stays the same, because ids of earlier tokens index the next logits.
void SearchDriver::check_shape(std::int64_t rows, std::int64_t vocab) {
  const std::string rule = "logits must be (rows, vocab) with rows = " + to_text(search_->rows());
  require(rows == search_->rows(), rule.c_str(), rows);
  const std::string least = "vocab must be in [" + to_text(least_vocab_) + ", 2147483647]";
  require(vocab >= least_vocab_ && vocab <= std::numeric_limits<std::int32_t>::max(), least.c_str(),
          vocab);
  const std::string same = "vocab must be " + to_text(vocab_) + " at every step";
  require(vocab_ == 0 || vocab == vocab_, same.c_str(), vocab);
  vocab_ = vocab;
}

void SearchDriver::step(const float* logits, Interrupt& interrupt) {
  const std::int64_t rows = search_->rows();
  logits_.assign(logits, logits + rows * vocab_);
  scores_.clear();
  for (std::int64_t row = 0; row < rows; ++row) {
    scores_.emplace_back(logits_.data() + row * vocab_, vocab_, kernels_);
  }
  rows_.clear();
  for (DenseScores& scores : scores_) rows_.push_back(&scores);
  search_->constrain(rows_.data(), &interrupt);
  for (DenseScores& scores : scores_) {
    interrupt.check();
    scores.prepare(search_->needs());
  }
  search_->advance(rows_.data(), parents_, tokens_, &interrupt);
}

py::tuple SearchDriver::agreed() {
  const OneThread::Use use(one_thread_, kSearch);
  return to_python(search_->agreed());
}

py::object SearchDriver::leader() {
  const OneThread::Use use(one_thread_, kSearch);
  return to_python(search_->leader());
}

py::list SearchDriver::results() {
  const OneThread::Use use(one_thread_, kSearch);
  return to_python(search_->results());
}

}  // namespace mime_fast
