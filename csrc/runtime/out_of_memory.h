#pragma once

#include <cstddef>
#include <cstdio>
#include <exception>
#include <new>
#include <vector>

namespace mime_fast {

// A std::bad_alloc whose message contains the requested size.
class OutOfMemory : public std::bad_alloc {
 public:
  explicit OutOfMemory(std::size_t bytes) noexcept {
    constexpr double kMega = 1e6;
    std::snprintf(text_, sizeof text_, "%.1f MB could not be allocated",
                  static_cast<double>(bytes) / kMega);
  }
  const char* what() const noexcept override { return text_; }

 private:
  char text_[64];  // a std::string would allocate
};

// Lets this thread throw when there is no memory. The C++ library tracks exceptions in thread-local
// storage. The C library allocates it at the first use, and ends the process if it cannot.
inline void prepare_to_throw() {
  [[maybe_unused]] volatile const int used = std::uncaught_exceptions();  // volatile: it is called
}

// Reserves room in a vector. Throws OutOfMemory.
template <typename T>
void reserve(std::vector<T>& values, std::size_t count) {
  try {
    values.reserve(count);
  } catch (const std::bad_alloc&) {
    throw OutOfMemory(count * sizeof(T));
  }
}

}  // namespace mime_fast
