#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/matrix.h"
#include "engine/safetensors.h"

namespace mime_fast {

// The tensors of a checkpoint while a model is built from them.
class Weights {
 public:
  explicit Weights(const std::string& path) : path_(path), file_(path) {}

  bool contains(const std::string& name) const { return file_.contains(name); }
  // A tensor as float32. Throws CheckpointError if it is missing, of another shape or type, or
  // holds NaN or infinity.
  std::vector<float> take(const std::string& name, const std::vector<std::int64_t>& shape) const;

  // name.weight (outputs, inputs) and, if there is one, name.bias (outputs,), as they are.
  Matrix linear(const std::string& name, std::int64_t inputs, std::int64_t outputs) const;
  void set_linear(Matrix& matrix, const std::string& name, std::int64_t inputs,
                  std::int64_t outputs, std::int64_t first_output, float factor = 1.0F) const;
  // name.weight (outputs, inputs, 3) over windows of three padded rows.
  Matrix convolution(const std::string& name, std::int64_t inputs, std::int64_t outputs) const;

 private:
  std::string path_;
  SafeTensors file_;
};

}  // namespace mime_fast
