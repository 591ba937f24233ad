#include "layers/tensor_reader.h"

#include <algorithm>

#include "io/checkpoint_error.h"
#include "io/float32.h"
#include "layers/stack_config.h"
#include "runtime/out_of_memory.h"

namespace mime_fast {
namespace {

constexpr std::size_t kShown = 8;  // names in a message
// Values between two interrupt checks: 2 MB, 2 ms where the file is in memory.
constexpr std::int64_t kBlock = 512 * 1024;

// Formats a shape as Python formats a tuple.
std::string to_text(const std::vector<std::int64_t>& shape) {
  std::string text = "(";
  for (const std::int64_t extent : shape) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(extent);
  }
  return text + (shape.size() == 1 ? ",)" : ")");
}

}  // namespace

const TensorView& TensorReader::find(const std::string& name,
                                     const std::vector<std::int64_t>& shape) const {
  if (!file_.contains(name)) misfit("missing " + name);
  const TensorView& view = file_.at(name);
  if (view.shape != shape) {
    misfit(name + " has shape " + to_text(view.shape) + ", expected " + to_text(shape));
  }
  return view;
}

std::vector<float> TensorReader::take(const std::string& name,
                                      const std::vector<std::int64_t>& shape) {
  const TensorView& view = find(name, shape);
  if (view.dtype != Dtype::kF16 && view.dtype != Dtype::kF32) {
    throw CheckpointError(path_ + ": " + name + " is stored as " + dtype_name(view.dtype) +
                          "; store it as F32 or F16");
  }
  std::vector<float> values;
  reserve(values, static_cast<std::size_t>(view.size()));
  if (!read_finite(view, values)) {
    throw CheckpointError(path_ + ": " + name +
                          " holds NaN or infinity; train or convert it again");
  }
  taken_.insert(name);
  return values;
}

Int8Weights TensorReader::take_int8(const std::string& name, std::int64_t rows,
                                    std::int64_t columns) {
  const TensorView& view = find(name, {rows, columns});
  if (view.dtype != Dtype::kI8) {
    throw CheckpointError(path_ + ": " + name + " is stored as " + dtype_name(view.dtype) +
                          "; store it as I8, or use engine='eager'");
  }
  if (interrupt_ != nullptr) interrupt_->check();
  Int8Weights weights{.rows = rows, .columns = columns, .values = {}, .scale = {}};
  const auto* const stored = reinterpret_cast<const std::int8_t*>(view.data);
  reserve(weights.values, static_cast<std::size_t>(view.size()));
  weights.values.assign(stored, stored + view.size());
  taken_.insert(name);
  weights.scale = take(name + ".scale", {rows});
  return weights;
}

Int8Matrix TensorReader::int8_linears(const std::vector<Part>& parts, std::int64_t inputs,
                                      Bias bias) {
  std::int64_t outputs = 0;
  for (const Part& part : parts) outputs += part.outputs;
  std::vector<Int8Weights> weights;
  for (const Part& part : parts) {
    weights.push_back(take_int8(part.name + ".weight", part.outputs, inputs));
  }
  Int8Matrix matrix(inputs, outputs);
  std::int64_t column = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Part& part = parts[i];
    matrix.set(weights[i], 0, column, part.factor);
    if (bias == Bias::own) {
      const std::vector<float> own = take(part.name + ".bias", {part.outputs});
      matrix.set_bias(own.data(), part.outputs, column, part.factor);
    }
    column += part.outputs;
  }
  return matrix;
}

// Fills the reserved vector; false if a value is NaN or infinite.
bool TensorReader::read_finite(const TensorView& view, std::vector<float>& values) const {
  const std::int64_t bytes = dtype_bytes(view.dtype);
  bool finite = true;
  for (std::int64_t first = 0; first < view.size(); first += kBlock) {
    if (interrupt_ != nullptr) interrupt_->check();
    const std::int64_t count = std::min(kBlock, view.size() - first);
    values.resize(static_cast<std::size_t>(first + count));
    float* block = values.data() + first;
    copy_float32({view.dtype, {count}, view.data + first * bytes, count * bytes}, block);
    finite = all_finite(block, count) && finite;
  }
  return finite;
}

void TensorReader::misfit(const std::string& problems) const {
  throw CheckpointError(
      path_ +
      ": the tensors do not fit the config, take both from the same checkpoint: " + problems);
}

Matrix TensorReader::linear(const std::string& name, std::int64_t inputs, std::int64_t outputs,
                            Bias bias) {
  return linears({{name, outputs}}, inputs, bias);
}

Matrix TensorReader::linears(const std::vector<Part>& parts, std::int64_t inputs, Bias bias) {
  std::vector<std::vector<float>> weights, biases;
  std::int64_t outputs = 0;
  for (const Part& part : parts) {
    weights.push_back(take(part.name + ".weight", {part.outputs, inputs}));
    if (bias == Bias::own) biases.push_back(take(part.name + ".bias", {part.outputs}));
    outputs += part.outputs;
  }
  Matrix matrix(inputs, outputs);
  std::int64_t column = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    matrix.set({.data = weights[i].data(),
                .outputs = parts[i].outputs,
                .inputs = inputs,
                .output_stride = inputs},
               0, column, parts[i].factor);
    if (bias == Bias::own) matrix.set_bias(biases[i].data(), parts[i].outputs, column);
    column += parts[i].outputs;
  }
  return matrix;
}

Matrix TensorReader::convolution(const std::string& name, std::int64_t inputs,
                                 std::int64_t outputs) {
  const std::int64_t padded = cpu::padded(inputs);
  const std::vector<float> weight = take(name + ".weight", {outputs, inputs, kTaps});
  const std::vector<float> bias = take(name + ".bias", {outputs});
  Matrix matrix(kTaps * padded, outputs);
  for (std::int64_t tap = 0; tap < kTaps; ++tap) {
    matrix.set({.data = weight.data() + tap,
                .outputs = outputs,
                .inputs = inputs,
                .output_stride = inputs * kTaps,
                .input_stride = kTaps},
               tap * padded, 0);
  }
  matrix.set_bias(bias.data(), outputs, 0);
  return matrix;
}

bool TensorReader::is_ignored(const std::string& name) const {
  return std::any_of(ignored_.begin(), ignored_.end(), [&](const std::string& prefix) {
    return name.compare(0, prefix.size(), prefix) == 0;
  });
}

void TensorReader::check_all_taken() const {
  std::string problems;
  std::size_t count = 0;
  for (const std::string& name : file_.names()) {
    if (taken_.count(name) > 0 || is_ignored(name)) continue;
    if (++count <= kShown) problems += (count > 1 ? "; unknown " : "unknown ") + name;
  }
  if (count > kShown) problems += "; and " + std::to_string(count - kShown) + " more";
  if (count > 0) misfit(problems);
}

}  // namespace mime_fast
