#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "check.h"
#include "io/checkpoint_error.h"
#include "io/float32.h"

using mime_fast::CheckpointError;
using mime_fast::Dtype;
using mime_fast::TensorView;

namespace {

constexpr std::int64_t kCodes = 65536;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::uint32_t bits_of(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

// The slow twin of binary16, from its definition in IEEE 754.
float slow_value(std::uint32_t code) {
  constexpr int exponent_bits = 5, mantissa_bits = 10;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = static_cast<int>(code >> mantissa_bits) & ((1 << exponent_bits) - 1);
  const int mantissa = static_cast<int>(code) & ((1 << mantissa_bits) - 1);
  const double sign = (code & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == (1 << exponent_bits) - 1) {
    return mantissa != 0 ? std::nanf("") : static_cast<float>(sign) * kInfinity;
  }
  const int hidden = exponent == 0 ? 0 : 1 << mantissa_bits;
  const int power = (exponent == 0 ? 1 : exponent) - bias - mantissa_bits;
  return static_cast<float>(sign * std::ldexp(hidden + mantissa, power));
}

// Every code, at an even and at an odd address.
void converts_every_code() {
  for (std::size_t shift = 0; shift < 2; ++shift) {
    std::vector<std::byte> bytes(2 * kCodes + shift);
    for (std::size_t code = 0; code < kCodes; ++code) {
      bytes[shift + 2 * code] = static_cast<std::byte>(code & 0xFF);
      bytes[shift + 2 * code + 1] = static_cast<std::byte>(code >> 8);
    }
    std::vector<float> fast(kCodes);
    copy_float32(TensorView{Dtype::kF16, {kCodes}, bytes.data() + shift, 2 * kCodes}, fast.data());
    int wrong = 0;
    for (std::size_t code = 0; code < kCodes; ++code) {
      const float slow = slow_value(static_cast<std::uint32_t>(code));
      const bool same =
          std::isnan(slow) ? std::isnan(fast[code]) : bits_of(slow) == bits_of(fast[code]);
      wrong += same ? 0 : 1;
    }
    CHECK(wrong == 0);
  }
}

void copies_floats_of_any_alignment() {
  const std::vector<float> values = {1.5F, -0.0F, kInfinity, 1e-45F, -3.0e38F};
  const std::size_t size = values.size() * sizeof(float);
  for (std::size_t shift = 0; shift < 4; ++shift) {
    std::vector<std::byte> bytes(size + shift);
    std::memcpy(bytes.data() + shift, values.data(), size);
    std::vector<float> copy(values.size());
    copy_float32(TensorView{Dtype::kF32, {5}, bytes.data() + shift, 20}, copy.data());
    CHECK(std::memcmp(copy.data(), values.data(), size) == 0);
  }
}

void accepts_empty_tensors_and_refuses_other_types() {
  for (const Dtype dtype : {Dtype::kF32, Dtype::kF16}) {
    copy_float32(TensorView{dtype, {0, 3}, nullptr, 0}, nullptr);
  }
  float out = 0;
  const std::byte bytes[8] = {};
  CHECK_THROWS(CheckpointError, "stored as I64; store it as F32 or F16",
               copy_float32(TensorView{Dtype::kI64, {1}, bytes, 8}, &out));
  CHECK_THROWS(CheckpointError, "stored as F8_E4M3;",
               copy_float32(TensorView{Dtype::kF8E4M3, {1}, bytes, 1}, &out));
}

void finds_what_is_not_finite() {
  CHECK(mime_fast::all_finite(nullptr, 0));
  const float lowest = -std::numeric_limits<float>::max();
  for (std::size_t count = 1; count < 40; ++count) {
    const auto length = static_cast<std::int64_t>(count);
    std::vector<float> values(count, lowest);
    CHECK(mime_fast::all_finite(values.data(), length));
    for (const float bad : {kInfinity, -kInfinity, std::nanf(""), -std::nanf("")}) {
      for (std::size_t i = 0; i < count; ++i) {
        values[i] = bad;
        CHECK(!mime_fast::all_finite(values.data(), length));
        values[i] = lowest;
      }
    }
  }
}

}  // namespace

int main() {
  converts_every_code();
  copies_floats_of_any_alignment();
  accepts_empty_tensors_and_refuses_other_types();
  finds_what_is_not_finite();
  return mime_fast::test::status();
}
