#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <vector>

namespace mime_fast {

// The memory of a torch tensor, on whatever device it is, without torch's headers.
struct DeviceTensor {
  void* data;
  std::vector<std::int64_t> shape;
  bool on_gpu;
};

// Reads a field of a Python object. Throws TypeError unless it is a contiguous tensor of that type
// and number of dimensions.
DeviceTensor to_device_tensor(pybind11::handle owner, const char* name, const char* dtype,
                              std::size_t dimensions);

}  // namespace mime_fast
