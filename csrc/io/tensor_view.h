#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace mime_fast {

enum class Dtype {
  kBool,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kF8E8M0,
  kF8E5M2Fnuz,
  kF8E4M3Fnuz,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kC64,
  kF64,
  kI64,
  kU64,
};

const char* dtype_name(Dtype dtype);    // as safetensors writes it
std::int64_t dtype_bytes(Dtype dtype);  // of one element
std::optional<Dtype> find_dtype(std::string_view name);

// A borrowed, read-only tensor in a file, row-major and little-endian.
struct TensorView {
  Dtype dtype;
  std::vector<std::int64_t> shape;
  const std::byte* data;  // (bytes,); at any alignment
  std::int64_t bytes;

  std::int64_t size() const { return bytes / dtype_bytes(dtype); }  // elements
};

}  // namespace mime_fast
