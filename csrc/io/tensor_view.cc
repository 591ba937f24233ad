#include "io/tensor_view.h"

#include <algorithm>
#include <array>

namespace mime_fast {
namespace {

struct DtypeInfo {
  const char* name;
  std::int64_t bytes;
};

// The names and sizes in the order of Dtype. Types of less than a byte (F4, F6_E2M3, F6_E3M2) are
// left out.
constexpr std::array<DtypeInfo, 19> kDtypes = {{
    {"BOOL", 1},    {"U8", 1},          {"I8", 1},          {"F8_E5M2", 1}, {"F8_E4M3", 1},
    {"F8_E8M0", 1}, {"F8_E5M2FNUZ", 1}, {"F8_E4M3FNUZ", 1}, {"I16", 2},     {"U16", 2},
    {"F16", 2},     {"BF16", 2},        {"I32", 4},         {"U32", 4},     {"F32", 4},
    {"C64", 8},     {"F64", 8},         {"I64", 8},         {"U64", 8},
}};
static_assert(kDtypes.size() == static_cast<std::size_t>(Dtype::kU64) + 1);

const DtypeInfo& info_of(Dtype dtype) { return kDtypes.at(static_cast<std::size_t>(dtype)); }

}  // namespace

const char* dtype_name(Dtype dtype) { return info_of(dtype).name; }

std::int64_t dtype_bytes(Dtype dtype) { return info_of(dtype).bytes; }

std::optional<Dtype> find_dtype(std::string_view name) {
  const auto same = [&](const DtypeInfo& info) { return name == info.name; };
  const auto found = std::find_if(kDtypes.begin(), kDtypes.end(), same);
  if (found == kDtypes.end()) return std::nullopt;
  return static_cast<Dtype>(found - kDtypes.begin());
}

}  // namespace mime_fast
