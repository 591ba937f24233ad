#pragma once

#include <pybind11/pybind11.h>

namespace mime_fast {

void register_rng(pybind11::module_& module);
void register_decoding(pybind11::module_& module);
void register_device(pybind11::module_& module);
void register_engine(pybind11::module_& module);
void register_sampling(pybind11::module_& module);
void register_search(pybind11::module_& module);
void register_service(pybind11::module_& module);
void register_stop(pybind11::module_& module);

}  // namespace mime_fast
