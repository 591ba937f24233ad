#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>

namespace mime_fast {

// An array that is contiguous and aligned; a copy if the caller's was not.
constexpr int kContiguousAligned = static_cast<int>(pybind11::array::c_style) |
                                   static_cast<int>(pybind11::detail::npy_api::NPY_ARRAY_ALIGNED_);
template <typename T>
using Array = pybind11::array_t<T, kContiguousAligned>;

// Throws TypeError unless value is an array of that dtype, and ValueError unless it has ndim
// dimensions; dimensions: their names for the message, such as "(rows, vocab)".
void check_array(pybind11::handle value, const char* name, const pybind11::dtype& dtype,
                 pybind11::ssize_t ndim, const char* dimensions);

// A dtype is never converted silently: a float64 array that is rounded can change a ranking.
template <typename T>
Array<T> to_array(pybind11::handle value, const char* name, pybind11::ssize_t ndim,
                  const char* dimensions) {
  check_array(value, name, pybind11::dtype::of<T>(), ndim, dimensions);
  return Array<T>(pybind11::reinterpret_borrow<pybind11::object>(value));
}

// Reads an integer in [0, 2^bits), 1 <= bits <= 64. Throws TypeError if it is not an integer, and
// ValueError if it is out of range.
std::uint64_t to_unsigned(pybind11::handle value, const char* name, int bits);

// Reads an integer in [0, 2^63).
std::int64_t to_size(pybind11::handle value, const char* name);

}  // namespace mime_fast
