#include "io/safetensors_header.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "io/json.h"

namespace mime_fast {
namespace {

constexpr std::uint64_t kMaxHeader = 100'000'000;  // the limit of the reference implementation

// Where a tensor lies in the data.
struct Extent {
  std::int64_t begin, end;
  const std::string* name;
};

[[noreturn]] void fail(const std::string& problem) { throw std::invalid_argument(problem); }

template <typename Count>
std::string bytes_text(Count count) {
  return std::to_string(count) + " bytes";
}

const JsonValue& field(const JsonValue& entry, const char* name) {
  if (const JsonValue* value = entry.find(name)) return *value;
  fail(std::string("lacks ") + name);
}

Dtype read_dtype(const JsonValue& value) {
  const std::string& name = value.string();
  if (const std::optional<Dtype> dtype = find_dtype(name)) return *dtype;
  fail("has the unknown dtype " + quoted(name) + ", expected one such as F32, F16 or BF16");
}

std::vector<std::int64_t> read_sizes(const JsonValue& list) {
  std::vector<std::int64_t> sizes;
  sizes.reserve(list.array().size());
  for (const JsonValue& item : list.array()) {
    const std::int64_t size = item.integer();
    if (size < 0) throw JsonError("negative number " + std::to_string(size), item.offset());
    sizes.push_back(size);
  }
  return sizes;
}

std::int64_t count_bytes(const std::vector<std::int64_t>& shape, Dtype dtype) {
  std::int64_t bytes = dtype_bytes(dtype);
  for (const std::int64_t size : shape) {
    if (size != 0 && bytes > std::numeric_limits<std::int64_t>::max() / size) {
      fail("has a shape of more than 2^63 bytes");
    }
    bytes *= size;
  }
  return bytes;
}

TensorView read_view(const JsonValue& entry) {
  for (const auto& [key, value] : entry.object()) {
    if (key != "dtype" && key != "shape" && key != "data_offsets") {
      fail("has the unknown field " + quoted(key));
    }
  }
  const Dtype dtype = read_dtype(field(entry, "dtype"));
  std::vector<std::int64_t> shape = read_sizes(field(entry, "shape"));
  const std::int64_t bytes = count_bytes(shape, dtype);
  return {.dtype = dtype, .shape = std::move(shape), .data = nullptr, .bytes = bytes};
}

Extent read_extent(const JsonValue& entry, std::int64_t bytes, std::int64_t data_bytes) {
  const std::vector<std::int64_t> pair = read_sizes(field(entry, "data_offsets"));
  if (pair.size() != 2) fail("has " + std::to_string(pair.size()) + " data_offsets, expected 2");
  const auto [begin, end] = std::tie(pair[0], pair[1]);
  const std::string range = std::to_string(begin) + ", " + std::to_string(end) + "]";
  if (begin > end) fail("has reversed data_offsets [" + range);
  if (end > data_bytes) {
    fail("has data_offsets [" + range + " in a file with " + bytes_text(data_bytes) + " of data");
  }
  if (end - begin != bytes) {
    fail("has data_offsets [" + range + ", but dtype and shape say " + bytes_text(bytes));
  }
  return {begin, end, nullptr};
}

// Reads one member of the header; errors contain its name.
void add_tensor(const JsonMember& member, const std::byte* data, std::int64_t data_bytes,
                TensorMap& tensors, std::vector<Extent>& extents) {
  const auto& [name, entry] = member;
  try {
    TensorView view = read_view(entry);
    Extent extent = read_extent(entry, view.bytes, data_bytes);
    extent.name = &name;
    extents.push_back(extent);
    view.data = data + extent.begin;
    tensors.emplace_hint(tensors.end(), name, std::move(view));
  } catch (const JsonError& error) {
    fail("tensor " + quoted(name) + ": " + error.what() + " of the header");
  } catch (const std::invalid_argument& error) {
    fail("tensor " + quoted(name) + " " + error.what());
  }
}

void check_metadata(const JsonValue& metadata) {
  try {
    for (const auto& [key, value] : metadata.object()) value.string();
  } catch (const JsonError& error) {
    fail(std::string("__metadata__: ") + error.what() + " of the header");
  }
}

// Sorted by offset, every tensor must begin where the one before it ends; an empty tensor may lie
// between two.
void check_cover(std::vector<Extent>& extents, std::int64_t data_bytes) {
  std::sort(extents.begin(), extents.end(), [](const Extent& a, const Extent& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  std::int64_t covered = 0;
  for (const Extent& extent : extents) {
    if (extent.begin != covered) {
      fail("tensor " + quoted(*extent.name) + " begins at byte " + std::to_string(extent.begin) +
           " of the data, " + (extent.begin < covered ? "overlapping" : "leaving a hole behind") +
           " the one that ends at " + std::to_string(covered));
    }
    covered = extent.end;
  }
  if (covered != data_bytes) {
    fail("the tensors end at byte " + std::to_string(covered) + " of the data, which has " +
         std::to_string(data_bytes));
  }
}

// Returns the text between the length and the data.
std::string_view header_text(const std::byte* bytes, std::size_t size) {
  std::uint64_t length = 0;
  if (size < sizeof length) fail("has " + bytes_text(size) + ", too few for a header's length");
  std::memcpy(&length, bytes, sizeof length);
  if (length > kMaxHeader) {
    fail("claims a header of " + bytes_text(length) + ", above the limit of " +
         bytes_text(kMaxHeader));
  }
  if (length > size - sizeof length) {
    fail("claims a header of " + bytes_text(length) + " in a file of " + bytes_text(size));
  }
  const auto* text = reinterpret_cast<const char*>(bytes + sizeof length);
  return {text, static_cast<std::size_t>(length)};
}

JsonValue parse_header(std::string_view text) {
  try {
    if (text.empty() || text[0] != '{') throw JsonError("expected '{'", 0);
    return parse_json(text);
  } catch (const JsonError& error) {
    fail(std::string("its header is not valid JSON: ") + error.what() + " of the header");
  }
}

}  // namespace

TensorMap read_safetensors(const std::byte* bytes, std::size_t size) {
  const std::string_view text = header_text(bytes, size);
  const std::byte* data = bytes + sizeof(std::uint64_t) + text.size();
  const std::int64_t data_bytes = bytes + size - data;
  const JsonValue header = parse_header(text);
  TensorMap tensors;
  std::vector<Extent> extents;
  for (const JsonMember& member : header.object()) {
    if (member.key == "__metadata__") {
      check_metadata(member.value);
    } else {
      add_tensor(member, data, data_bytes, tensors, extents);
    }
  }
  check_cover(extents, data_bytes);
  return tensors;
}

}  // namespace mime_fast
