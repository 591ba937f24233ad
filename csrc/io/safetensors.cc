#include "io/safetensors.h"

#include <utility>

#include "io/checkpoint_error.h"
#include "io/json.h"
#include "io/safetensors_header.h"

namespace mime_fast {

SafeTensors::SafeTensors(const std::byte* bytes, std::size_t size, std::string path)
    : path_(std::move(path)) {
  try {
    tensors_ = read_safetensors(bytes, size);
  } catch (const std::invalid_argument& error) {
    throw CheckpointError(path_ + " is not a whole safetensors file (" + error.what() +
                          "); copy it again");
  }
}

SafeTensors::SafeTensors(const std::string& path) {
  auto file = std::make_unique<MappedFile>(path);
  *this = SafeTensors(file->data(), file->size(), path);
  file_ = std::move(file);
}

SafeTensors SafeTensors::parse(const std::byte* bytes, std::size_t size, const std::string& label) {
  return {bytes, size, label};
}

std::vector<std::string> SafeTensors::names() const {
  std::vector<std::string> names;
  names.reserve(tensors_.size());
  for (const auto& [name, view] : tensors_) names.push_back(name);
  return names;
}

bool SafeTensors::contains(std::string_view name) const {
  return tensors_.find(name) != tensors_.end();
}

const TensorView& SafeTensors::at(std::string_view name) const {
  const auto found = tensors_.find(name);
  if (found != tensors_.end()) return found->second;
  throw CheckpointError(path_ + ": lacks the tensor " + quoted(name) +
                        "; take config and tensors from the same checkpoint");
}

}  // namespace mime_fast
