#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "io/safetensors.h"
#include "layers/int8_matrix.h"
#include "layers/matrix.h"
#include "runtime/interrupt.h"

namespace mime_fast {

enum class Bias { none, own };

// The tensors of a checkpoint while a model is built from them. Each is checked before anything of
// its size is allocated: a config that is not the file's cannot exhaust the memory.
class TensorReader {
 public:
  // interrupt: the one of the call that loads, or null.
  explicit TensorReader(const std::string& path, Interrupt* interrupt = nullptr)
      : path_(path), file_(path), interrupt_(interrupt) {}

  // Returns a tensor as float32. Throws CheckpointError if it is missing, of another shape or type,
  // or holds NaN or infinity.
  std::vector<float> take(const std::string& name, const std::vector<std::int64_t>& shape);

  // Returns a matrix that is stored as int8, with its scales.
  Int8Weights take_int8(const std::string& name, std::int64_t rows, std::int64_t columns);
  // Joins linear maps of the same inputs that are stored as int8 side by side; see linears.
  struct Part;
  Int8Matrix int8_linears(const std::vector<Part>& parts, std::int64_t inputs, Bias bias);

  // name.weight (outputs, inputs) and, with a bias, name.bias (outputs,).
  Matrix linear(const std::string& name, std::int64_t inputs, std::int64_t outputs, Bias bias);
  // Joins several linear maps of the same inputs side by side, their weights times a factor.
  struct Part {
    std::string name;
    std::int64_t outputs;
    float factor = 1.0F;
  };
  Matrix linears(const std::vector<Part>& parts, std::int64_t inputs, Bias bias);
  // name.weight (outputs, inputs, 3) over windows of three padded rows.
  Matrix convolution(const std::string& name, std::int64_t inputs, std::int64_t outputs);

  // Skips tensors whose names begin with the prefix: they serve training alone.
  void ignore(const std::string& prefix) { ignored_.push_back(prefix); }
  // Throws CheckpointError if a tensor was not taken: the file belongs to another model.
  void check_all_taken() const;

 private:
  const TensorView& find(const std::string& name, const std::vector<std::int64_t>& shape) const;
  [[noreturn]] void misfit(const std::string& problems) const;
  bool read_finite(const TensorView& view, std::vector<float>& values) const;
  bool is_ignored(const std::string& name) const;

  std::string path_;
  SafeTensors file_;
  Interrupt* interrupt_;
  std::set<std::string> taken_;
  std::vector<std::string> ignored_;
};

}  // namespace mime_fast
