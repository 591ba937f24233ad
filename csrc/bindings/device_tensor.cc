#include "bindings/device_tensor.h"

#include <pybind11/stl.h>

#include <string>

#include "bindings/gil.h"

namespace py = pybind11;

namespace mime_fast {
namespace {

py::object call(const py::object& tensor, const char* method) {
  return checked(sleep_at_exit([&] { return PyObject_CallMethod(tensor.ptr(), method, nullptr); }));
}

}  // namespace

DeviceTensor to_device_tensor(py::handle owner, const char* name, const char* dtype,
                              std::size_t dimensions) {
  const py::object tensor = owner.attr(name);
  const std::string found = py::str(tensor.attr("dtype")).cast<std::string>();
  const auto shape = tensor.attr("shape").cast<std::vector<std::int64_t>>();
  const std::string expected = std::string("torch.") + dtype;
  if (found != expected || shape.size() != dimensions ||
      !call(tensor, "is_contiguous").cast<bool>()) {
    throw py::type_error(std::string(name) + " must be a contiguous tensor of " + expected +
                         " with " + std::to_string(dimensions) + " dimensions, got " + found + " " +
                         py::str(py::tuple(tensor.attr("shape"))).cast<std::string>());
  }
  const auto address = call(tensor, "data_ptr").cast<std::uintptr_t>();
  return {reinterpret_cast<void*>(address), shape, tensor.attr("is_cuda").cast<bool>()};
}

}  // namespace mime_fast
