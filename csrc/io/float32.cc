#include "io/float32.h"

#include <cstring>
#include <string>

#include "io/checkpoint_error.h"

namespace mime_fast {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors in files are little-endian");

template <typename To, typename From>
inline To bit_cast(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

// It has no branches, so that the loop over it is vectorised. The exponent's bias grows from 15 to
// 127; infinity and NaN, whose exponent is all ones, need the step twice. A subnormal is its
// mantissa in units of 2^-24, which is an ordinary float.
inline float from_float16(std::uint16_t bits) {
  constexpr std::uint32_t kBias = std::uint32_t{127 - 15} << 23;
  const std::uint32_t sign = (bits & std::uint32_t{0x8000}) << 16;
  const std::uint32_t magnitude = bits & std::uint32_t{0x7FFF};
  const std::uint32_t normal =
      (magnitude << 13) + kBias + (magnitude >= 0x7C00 ? kBias : std::uint32_t{0});
  const float subnormal = static_cast<float>(static_cast<std::int32_t>(magnitude)) * 0x1p-24F;
  return bit_cast<float>(sign | (magnitude < 0x400 ? bit_cast<std::uint32_t>(subnormal) : normal));
}

template <typename Convert>
void copy_halves(const TensorView& view, float* out, Convert convert) {
  const std::byte* data = view.data;
  const std::int64_t count = view.size();
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, data + 2 * i, sizeof bits);  // data may lie at an odd address
    out[i] = convert(bits);
  }
}

}  // namespace

void copy_float32(const TensorView& view, float* out) {
  switch (view.dtype) {
    case Dtype::kF32:
      if (view.bytes > 0) std::memcpy(out, view.data, static_cast<std::size_t>(view.bytes));
      return;
    case Dtype::kF16:
      return copy_halves(view, out, [](std::uint16_t bits) { return from_float16(bits); });
    default:
      throw CheckpointError(std::string("stored as ") + dtype_name(view.dtype) +
                            "; store it as F32 or F16");
  }
}

bool all_finite(const float* values, std::int64_t count) {
  constexpr std::uint32_t kExponent = 0x7F800000;
  std::uint32_t found = 0;
#pragma omp simd reduction(| : found)
  for (std::int64_t i = 0; i < count; ++i) {
    const auto bits = bit_cast<std::uint32_t>(values[i]);
    found |= (bits & kExponent) == kExponent ? std::uint32_t{1} : std::uint32_t{0};
  }
  return found == 0;
}

}  // namespace mime_fast
