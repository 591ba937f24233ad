#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/mapped_file.h"
#include "io/tensor_view.h"

namespace mime_fast {

// The tensors of a .safetensors file: 8 bytes with the header's length, a header in JSON, the data.
// Everything is checked before a tensor is returned. Names are unique. The size of each tensor fits
// its dtype and shape. The tensors cover the data without overlap or gap. Unlike the reference, it
// also refuses unknown fields of an entry and duplicate metadata.
//
// Views borrow the mapped file and are valid as long as this object, or one it was moved to.
// Copy tensors while loading (copy_float32), and then unmap the file: if it is truncated while it
// is mapped, reading it raises SIGBUS.
class SafeTensors {
 public:
  // Throws CheckpointError; the message names the path.
  explicit SafeTensors(const std::string& path);

  // Reads borrowed bytes, which must outlive the result; errors name the label instead of a path.
  static SafeTensors parse(const std::byte* bytes, std::size_t size, const std::string& label);

  std::vector<std::string> names() const;  // sorted
  bool contains(std::string_view name) const;
  // Throws CheckpointError if there is no tensor of that name.
  const TensorView& at(std::string_view name) const;

 private:
  SafeTensors(const std::byte* bytes, std::size_t size, std::string path);

  std::string path_;
  std::unique_ptr<MappedFile> file_;  // null if the bytes are borrowed
  std::map<std::string, TensorView, std::less<>> tensors_;
};

}  // namespace mime_fast
