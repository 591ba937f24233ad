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
// Everything is checked before a tensor is handed out: names occur once, the data is as long as
// dtype and shape say and is covered from its first byte to its last, without overlap or hole.
// Stricter than the reference: an entry's unknown fields and duplicate metadata are refused too.
//
// Views borrow the mapped file and are valid as long as this object, or one it was moved to.
// Tensors are meant to be copied while loading (copy_float32), and the file unmapped again: if it
// is truncated while mapped, reading it raises SIGBUS.
class SafeTensors {
 public:
  // Throws CheckpointError that names the path.
  explicit SafeTensors(const std::string& path);

  // Reads borrowed bytes, which must outlive the result; label stands for the path in errors.
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
