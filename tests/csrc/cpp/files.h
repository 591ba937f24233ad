#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "io/safetensors.h"

namespace mime_fast::test {

inline std::string length_of(std::uint64_t count) {
  std::string bytes(sizeof count, '\0');
  std::memcpy(bytes.data(), &count, sizeof count);
  return bytes;
}

// A file's bytes: the header with its right length, and the data.
inline std::string make_file(const std::string& header, const std::string& data = "") {
  return length_of(header.size()) + header + data;
}

// One member of a header.
inline std::string entry(const std::string& name, const std::string& dtype,
                         const std::string& shape, const std::string& offsets) {
  return '"' + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" +
         offsets + '}';
}

inline SafeTensors parse(std::string_view file) {
  return SafeTensors::parse(reinterpret_cast<const std::byte*>(file.data()), file.size(), "m");
}

}  // namespace mime_fast::test
