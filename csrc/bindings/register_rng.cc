#include "bindings/arguments.h"
#include "bindings/gil.h"
#include "bindings/register.h"
#include "sampling/rng.h"

namespace py = pybind11;

namespace mime_fast {
namespace {

constexpr const char* kPhiloxDoc = R"(Encrypt counters with Philox4x32-10.

Args:
    counters: uint32, (blocks, 4).
    seed: the key, in [0, 2**64); its low 32 bits are the first key word.

Returns:
    uint32, (blocks, 4): four random words a counter.

Example:
    >>> philox4x32(np.zeros((1, 4), np.uint32), 0)
    array([[1713891541, 3781805453, 3159862348, 2600524760]], dtype=uint32)
)";

constexpr const char* kUniformDoc = R"(Draw uniform numbers in [0, 1) from a counter-based stream.

Number i depends on nothing but (seed, stream, i).

Args:
    seed: in [0, 2**64).
    stream: in [0, 2**32); streams of one seed are independent.
    offset: index of the first number, in [0, 2**63).
    count: how many, in [0, 2**63).

Returns:
    float64, (count,), with 53 random bits each.

Example:
    >>> philox_uniform(seed=7, stream=0, offset=2, count=2) == philox_uniform(7, 0, 0, 4)[2:]
    array([ True,  True])
)";

constexpr const char* kNormalDoc = R"(Draw standard normal numbers from a counter-based stream.

Box and Muller's transform of consecutive pairs of philox_uniform(seed, stream, ...), computed in
float64 and rounded last.

Args:
    seed: in [0, 2**64).
    stream: in [0, 2**32).
    count: how many, in [0, 2**63).

Returns:
    float32, (count,).

Example:
    >>> bool((standard_normal(7, 0, 3) == standard_normal(7, 0, 4)[:3]).all())
    True
)";

Array<std::uint32_t> philox(py::handle counters_arg, py::handle seed_arg) {
  const auto counters = to_array<std::uint32_t>(counters_arg, "counters", 2, "(blocks, 4)");
  const std::uint64_t seed = to_unsigned(seed_arg, "seed", 64);
  if (counters.shape(1) != 4) {
    throw py::value_error("counters must be (blocks, 4), got " + std::to_string(counters.shape(1)) +
                          " words a block");
  }
  const py::ssize_t blocks = counters.shape(0);
  Array<std::uint32_t> result({blocks, py::ssize_t{4}});
  const std::uint32_t* in = counters.data();
  std::uint32_t* out = result.mutable_data();
  const WithoutGil release;
  for (const std::uint32_t* end = in + 4 * blocks; in != end; in += 4) {
    for (const std::uint32_t word : philox4x32({in[0], in[1], in[2], in[3]}, seed)) *out++ = word;
  }
  return result;
}

RandomStream to_stream(py::handle seed, py::handle stream) {
  return {to_unsigned(seed, "seed", 64),
          static_cast<std::uint32_t>(to_unsigned(stream, "stream", 32))};
}

Array<double> uniform(py::handle seed, py::handle stream, py::handle offset_arg,
                      py::handle count_arg) {
  const RandomStream source = to_stream(seed, stream);
  const auto offset = static_cast<std::uint64_t>(to_size(offset_arg, "offset"));
  const std::int64_t count = to_size(count_arg, "count");
  Array<double> result(count);
  double* out = result.mutable_data();
  const WithoutGil release;
  source.fill_uniform(offset, static_cast<std::uint64_t>(count), out);
  return result;
}

Array<float> normal(py::handle seed, py::handle stream, py::handle count_arg) {
  const RandomStream source = to_stream(seed, stream);
  const std::int64_t count = to_size(count_arg, "count");
  Array<float> result(count);
  float* out = result.mutable_data();
  const WithoutGil release;
  source.fill_normal(static_cast<std::uint64_t>(count), out);
  return result;
}

}  // namespace

void register_rng(py::module_& module) {
  module.def("philox4x32", &philox, py::arg("counters"), py::arg("seed"), kPhiloxDoc);
  module.def("philox_uniform", &uniform, py::arg("seed"), py::arg("stream"), py::arg("offset"),
             py::arg("count"), kUniformDoc);
  module.def("standard_normal", &normal, py::arg("seed"), py::arg("stream"), py::arg("count"),
             kNormalDoc);
}

}  // namespace mime_fast
