#include "bindings/service_driver.h"

#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "bindings/arguments.h"
#include "bindings/gil.h"
#include "bindings/memory_error.h"
#include "models/emotions.h"

namespace py = pybind11;

namespace mime_fast {
namespace {

constexpr double kLongestWait = 1e9;  // seconds; more are no limit

std::vector<float> to_noise(py::handle value, const NoiseShape& shape) {
  const auto noise = to_array<float>(value, "noise", 2, "(latents, latent)");
  const bool has_dim = shape.count == 0 || noise.shape(1) == shape.dim;
  if (noise.shape(0) == shape.count && has_dim) {
    return {noise.data(), noise.data() + shape.size()};
  }
  throw py::value_error("noise must be (latents, latent) = (" + std::to_string(shape.count) + ", " +
                        std::to_string(shape.dim) + "), got shape " +
                        py::str(noise.attr("shape")).cast<std::string>());
}

std::optional<ServiceRequest::Clock::time_point> to_start_by(const std::optional<double>& wait) {
  if (!wait) return std::nullopt;
  if (!(*wait > 0)) {
    throw py::value_error("max_wait must be above 0 seconds, got " + std::to_string(*wait));
  }
  if (*wait > kLongestWait) return std::nullopt;
  using Clock = ServiceRequest::Clock;
  return Clock::now() +
         std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(*wait));
}

py::object new_error(PyObject* type, const char* text) {
  return py::reinterpret_borrow<py::object>(type)(text);
}

}  // namespace

Ticket ServiceDriver::submit(Dialogue dialogue, py::handle noise, std::int64_t emotion,
                             GenerationOptions generation, std::uint64_t seed,
                             const SubmitOptions& options) {
  if (emotion < -1 || emotion >= kEmotions) {
    throw py::value_error("emotion must be in [-1, 32), got " + std::to_string(emotion));
  }
  return service_.submit({.dialogue = std::move(dialogue),
                          .noise = to_noise(noise, service_.engine().model->noise()),
                          .emotion = emotion,
                          .options = std::move(generation),
                          .seed = seed,
                          .generates = options.generates,
                          .streams = options.streams,
                          .start_by = to_start_by(options.max_wait)});
}

void ServiceDriver::close() {
  const WithoutGil release;
  service_.close();
}

py::object to_python(const std::exception_ptr& error) {
  if (!error) return py::none();
  try {
    std::rethrow_exception(error);
  } catch (const py::error_already_set& raised) {
    return raised.value();
  } catch (const std::bad_alloc& shortage) {
    try {
      throw_memory_error(shortage, "answer the requests that run", kFewerRows);
    } catch (const py::error_already_set& raised) {
      return raised.value();
    }
  } catch (const std::invalid_argument& wrong) {
    return new_error(PyExc_ValueError, wrong.what());
  } catch (const std::exception& other) {
    return new_error(PyExc_RuntimeError, other.what());
  }
}

}  // namespace mime_fast
