#pragma once

#include <pybind11/pybind11.h>

#include <string>

namespace mime_fast {

// Makes pickle and copy refuse objects of the class with a TypeError that contains the remedy.
template <typename Class>
void refuse_pickling(Class& type, const char* remedy) {
  const std::string name = pybind11::str(type.attr("__name__"));
  const std::string text = name + " objects cannot be pickled or copied: " + remedy;
  type.def("__reduce__", [text](pybind11::handle) { throw pybind11::type_error(text); });
}

}  // namespace mime_fast
