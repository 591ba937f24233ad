#include "engine/weights.h"

#include "engine/checkpoint_error.h"
#include "engine/float32.h"
#include "engine/model_config.h"

namespace mime_fast {
namespace {

std::string to_text(const std::vector<std::int64_t>& shape) {
  std::string text = "(";
  for (const std::int64_t extent : shape) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(extent);
  }
  return text + ")";
}

}  // namespace

std::vector<float> Weights::take(const std::string& name,
                                 const std::vector<std::int64_t>& shape) const {
  const TensorView& view = file_.at(name);
  if (view.shape != shape) {
    throw CheckpointError(path_ + ": " + name + " has shape " + to_text(view.shape) +
                          ", expected " + to_text(shape) +
                          "; take config.json and model.safetensors from one checkpoint");
  }
  if (view.dtype != Dtype::kF16 && view.dtype != Dtype::kF32) {
    throw CheckpointError(path_ + ": " + name + " is stored as " + dtype_name(view.dtype) +
                          "; store it as F32 or F16");
  }
  std::vector<float> values(static_cast<std::size_t>(view.size()));
  copy_float32(view, values.data());
  if (!all_finite(values.data(), view.size())) {
    throw CheckpointError(path_ + ": " + name +
                          " holds NaN or infinity; train or convert it again");
  }
  return values;
}

Matrix Weights::linear(const std::string& name, std::int64_t inputs, std::int64_t outputs) const {
  Matrix matrix(inputs, outputs);
  set_linear(matrix, name, inputs, outputs, 0);
  return matrix;
}

void Weights::set_linear(Matrix& matrix, const std::string& name, std::int64_t inputs,
                         std::int64_t outputs, std::int64_t first_output, float factor) const {
  const std::vector<float> weight = take(name + ".weight", {outputs, inputs});
  matrix.set({weight.data(), outputs, inputs, inputs, 1}, 0, first_output, factor);
  if (contains(name + ".bias")) {
    const std::vector<float> bias = take(name + ".bias", {outputs});
    matrix.set_bias(bias.data(), outputs, first_output);
  }
}

Matrix Weights::convolution(const std::string& name, std::int64_t inputs,
                            std::int64_t outputs) const {
  const std::int64_t padded = cpu::padded(inputs);
  Matrix matrix(kTaps * padded, outputs);
  const std::vector<float> weight = take(name + ".weight", {outputs, inputs, kTaps});
  for (std::int64_t tap = 0; tap < kTaps; ++tap) {
    matrix.set({weight.data() + tap, outputs, inputs, inputs * kTaps, kTaps}, tap * padded, 0);
  }
  const std::vector<float> bias = take(name + ".bias", {outputs});
  matrix.set_bias(bias.data(), outputs, 0);
  return matrix;
}

}  // namespace mime_fast
