#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "bindings/decoding_driver.h"
#include "service/service.h"

namespace mime_fast {

// What a caller may leave out of a request.
struct SubmitOptions {
  bool generates;
  bool streams;
  std::optional<double> max_wait;  // seconds
};

// A Service that Python submits requests to.
class ServiceDriver {
 public:
  ServiceDriver(EngineRef engine, const ServiceLimits& limits)
      : service_(std::move(engine), limits) {}
  ~ServiceDriver() { close(); }
  ServiceDriver(const ServiceDriver&) = delete;
  ServiceDriver& operator=(const ServiceDriver&) = delete;

  Ticket submit(Dialogue dialogue, pybind11::handle noise, std::int64_t emotion,
                GenerationOptions generation, std::uint64_t seed, const SubmitOptions& options);
  const ReplyModel& model() const { return *service_.engine().model; }
  Service& service() { return service_; }
  // Without the GIL, which a stop condition on the service's thread may wait for.
  void close();

 private:
  Service service_;
};

// Returns the exception that Python gets for an error of a request; None for a null pointer.
pybind11::object to_python(const std::exception_ptr& error);

}  // namespace mime_fast
