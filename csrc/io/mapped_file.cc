#include "io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "io/checkpoint_error.h"
#include "runtime/out_of_memory.h"

namespace mime_fast {
namespace {

class Descriptor {
 public:
  // Without O_NONBLOCK, opening a named pipe would wait for a writer.
  explicit Descriptor(const std::string& path)
      : value_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int value() const { return value_; }

 private:
  int value_;
};

[[noreturn]] void fail(const std::string& path, const char* what) {
  const std::string reason = std::generic_category().message(errno);
  throw CheckpointError(path + ": cannot be " + what + " (" + reason +
                        "); check the path and its permissions");
}

std::size_t checked_size(const std::string& path, int file) {
  struct stat status{};
  if (::fstat(file, &status) != 0) fail(path, "examined");
  if (S_ISDIR(status.st_mode)) {
    throw CheckpointError(path + ": is a directory; name the .safetensors file in it");
  }
  if (!S_ISREG(status.st_mode)) {
    throw CheckpointError(path + ": is not a regular file; copy its content into one");
  }
  if (status.st_size == 0) throw CheckpointError(path + ": is empty; copy it again");
  return static_cast<std::size_t>(status.st_size);
}

}  // namespace

MappedFile::MappedFile(const std::string& path) : data_(nullptr, Unmap{0}) {
  const Descriptor file(path);  // the mapping outlives it
  if (file.value() < 0) fail(path, "opened");
  const std::size_t size = checked_size(path, file.value());
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.value(), 0);
  if (data == MAP_FAILED && errno == ENOMEM) throw OutOfMemory(size);
  if (data == MAP_FAILED) fail(path, "mapped");
  data_ = {static_cast<const std::byte*>(data), Unmap{size}};
}

void MappedFile::Unmap::operator()(const std::byte* data) const {
  ::munmap(const_cast<std::byte*>(data), size);
}

}  // namespace mime_fast
