#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace mime_fast {

// A regular file, mapped read-only. If another process truncates it while it is mapped, reading the
// missing part kills this process with SIGBUS: copy what is needed, then release the mapping.
class MappedFile {
 public:
  // Throws CheckpointError if there is no such file, or it is not a regular one, empty or
  // unreadable.
  explicit MappedFile(const std::string& path);

  const std::byte* data() const { return data_.get(); }
  std::size_t size() const { return data_.get_deleter().size; }

 private:
  struct Unmap {
    std::size_t size;
    void operator()(const std::byte* data) const;
  };
  std::unique_ptr<const std::byte, Unmap> data_;
};

}  // namespace mime_fast
