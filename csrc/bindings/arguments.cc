#include "bindings/arguments.h"

#include "bindings/gil.h"

namespace py = pybind11;

namespace mime_fast {
namespace {

std::string text(py::handle value) {
  return checked(sleep_at_exit([&] { return PyObject_Str(value.ptr()); })).cast<std::string>();
}

std::string type_name(py::handle value) {
  return text(py::type::handle_of(value).attr("__name__"));
}

}  // namespace

void check_array(py::handle value, const char* name, const py::dtype& dtype, py::ssize_t ndim,
                 const char* dimensions) {
  const std::string expected = std::string(name) + " must be ";
  if (!py::isinstance<py::array>(value)) {
    throw py::type_error(expected + "a numpy array of " + text(dtype) + ", got " +
                         type_name(value));
  }
  const auto array = py::reinterpret_borrow<py::array>(value);
  if (!array.dtype().equal(dtype)) {
    throw py::type_error(expected + text(dtype) + ", got " + text(array.dtype()) +
                         "; convert it with .astype(numpy." + text(dtype) + ")");
  }
  if (array.ndim() != ndim) {
    throw py::value_error(expected + dimensions + ", got shape " + text(array.attr("shape")));
  }
}

std::uint64_t to_unsigned(py::handle value, const char* name, int bits) {
  const auto number =
      py::reinterpret_steal<py::object>(sleep_at_exit([&] { return PyNumber_Index(value.ptr()); }));
  if (!number) {
    PyErr_Clear();
    throw py::type_error(std::string(name) + " must be an integer, got " + type_name(value));
  }
  const std::uint64_t result = PyLong_AsUnsignedLongLong(number.ptr());
  const bool failed = PyErr_Occurred() != nullptr;
  PyErr_Clear();
  if (failed || (bits < 64 && result >> bits != 0)) {
    throw py::value_error(std::string(name) + " must be in [0, 2**" + std::to_string(bits) +
                          "), got " + text(number));
  }
  return result;
}

std::int64_t to_size(py::handle value, const char* name) {
  return static_cast<std::int64_t>(to_unsigned(value, name, 63));
}

}  // namespace mime_fast
