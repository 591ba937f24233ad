// Feeds mutated files to the readers: whatever the bytes, they throw their own error or return what
// the format allows. An iteration depends on seed and number only, so each can be repeated.
//   fuzz_safetensors [--seconds 2] [--iterations n] [--seed 0] [--first 0]

#include <sanitizer/common_interface_defs.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>

#include "io/checkpoint_error.h"
#include "io/float32.h"
#include "io/json.h"
#include "mutate.h"

namespace mime_fast::test {
namespace {

struct Settings {
  std::uint64_t seconds = 2, iterations = ~std::uint64_t{0}, seed = 0, first = 0;
};

// Where the fuzzer is, for the report of a death.
std::uint64_t current_seed = 0, current_iteration = 0;

void print_place() {
  std::cerr << "repeat with --seed " << current_seed << " --first " << current_iteration
            << " --iterations 1\n";
}

void require(bool holds, const char* what) {
  if (holds) return;
  std::cerr << "does not hold: " << what << "\n";
  print_place();
  std::abort();
}

void require_printable(const std::string& message) {
  const auto printable = [](char c) { return c >= 0x20 && c < 0x7F; };
  require(std::all_of(message.begin(), message.end(), printable), "messages are printable");
  require(message.size() < 1000, "messages are short");
}

// Writes values as JSON, strings with every ASCII character escaped.
struct Writer {
  std::string& out;

  void operator()(std::nullptr_t) const { out += "null"; }
  void operator()(bool value) const { out += value ? "true" : "false"; }
  void operator()(std::int64_t value) const { out += std::to_string(value); }
  void operator()(std::uint64_t value) const { out += std::to_string(value); }
  void operator()(double value) const {
    char digits[32];
    // Scientific, since -0 is the integer 0.
    const auto format = std::chars_format::scientific;
    out.append(digits, std::to_chars(digits, digits + sizeof digits, value, format).ptr);
  }
  void operator()(const std::string& text) const {
    constexpr const char* kHex = "0123456789abcdef";
    out += '"';
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte >= 0x80) {
        out += c;
      } else {
        out += {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
      }
    }
    out += '"';
  }
  void operator()(const JsonValue::Array& items) const {
    out += '[';
    for (const JsonValue& item : items) {
      if (&item != &items.front()) out += ',';
      std::visit(*this, item.data());
    }
    out += ']';
  }
  void operator()(const JsonValue::Object& members) const {
    out += '{';
    for (const JsonMember& member : members) {
      if (&member != &members.front()) out += ',';
      (*this)(member.key);
      out += ':';
      std::visit(*this, member.value.data());
    }
    out += '}';
  }
};

std::string to_json(const JsonValue& value) {
  std::string text;
  std::visit(Writer{text}, value.data());
  return text;
}

// A copy that ends where its allocation ends, so that the sanitizer sees the first byte read over.
class Exact {
 public:
  Exact(const std::string& bytes, std::size_t shift)
      : memory_(new std::byte[bytes.size() + shift]), shift_(shift), size_(bytes.size()) {
    std::memcpy(memory_.get() + shift, bytes.data(), bytes.size());
  }
  const std::byte* data() const { return memory_.get() + shift_; }
  std::size_t size() const { return size_; }

 private:
  std::unique_ptr<std::byte[]> memory_;
  std::size_t shift_, size_;
};

bool try_json(const Exact& text, const JsonLimits& limits) {
  try {
    const auto* begin = reinterpret_cast<const char*>(text.data());
    const std::string written = to_json(parse_json({begin, text.size()}, limits));
    require(to_json(parse_json(written)) == written, "what was read is written and read again");
    return true;
  } catch (const JsonError& error) {
    require(error.offset() <= text.size(), "errors lie in the text");
    require_printable(error.what());
    return false;
  }
}

// The format's rules once more, from the views alone.
void check_tensors(const SafeTensors& tensors, const Exact& file) {
  std::uint64_t header = 0;
  std::memcpy(&header, file.data(), sizeof header);
  std::vector<bool> covered(file.size() - 8 - header);
  for (const std::string& name : tensors.names()) {
    const TensorView& view = tensors.at(name);
    double bytes = static_cast<double>(dtype_bytes(view.dtype));
    for (const std::int64_t size : view.shape) bytes *= static_cast<double>(size);
    require(bytes == static_cast<double>(view.bytes), "shape and bytes agree");
    const std::ptrdiff_t begin = view.data - (file.data() + 8 + header);
    for (std::ptrdiff_t i = begin; i < begin + view.bytes; ++i) {
      require(!covered.at(static_cast<std::size_t>(i)), "no overlap");
      covered.at(static_cast<std::size_t>(i)) = true;
    }
    if (view.dtype != Dtype::kF32 && view.dtype != Dtype::kF16) continue;
    std::vector<float> values(static_cast<std::size_t>(view.size()));
    copy_float32(view, values.data());
    static_cast<void>(all_finite(values.data(), view.size()));
  }
  require(std::all_of(covered.begin(), covered.end(), [](bool byte) { return byte; }), "no hole");
}

bool try_file(const Exact& file) {
  try {
    check_tensors(SafeTensors::parse(file.data(), file.size(), "m"), file);
    return true;
  } catch (const CheckpointError& error) {
    require_printable(error.what());
    return false;
  }
}

struct Counts {
  std::uint64_t iterations = 0, json = 0, files = 0;
};

void run_one(const std::vector<Parts>& seeds, Counts& counts) {
  Mutator mutator(current_seed * 0x9E3779B97F4A7C15 + current_iteration);
  const Parts parts = mutator.next_parts(seeds);
  const Exact file(mutator.next_file(parts), mutator.below(4));
  const bool small = mutator.below(4) == 0;
  const JsonLimits limits = small ? JsonLimits{3, 12} : JsonLimits{};
  ++counts.iterations;
  if (try_json(Exact(parts.header, 0), limits)) ++counts.json;
  if (try_file(file)) ++counts.files;
}

Settings read_settings(int count, char** arguments) {
  Settings settings;
  for (int i = 1; i < count; i += 2) {
    const std::string name = arguments[i];
    std::uint64_t* value = name == "--seconds"      ? &settings.seconds
                           : name == "--iterations" ? &settings.iterations
                           : name == "--seed"       ? &settings.seed
                           : name == "--first"      ? &settings.first
                                                    : nullptr;
    if (value == nullptr || i + 1 == count) {
      throw std::invalid_argument(
          "expected --seconds, --iterations, --seed or --first with a "
          "number, got " +
          name);
    }
    *value = std::stoull(arguments[i + 1]);
  }
  return settings;
}

void run(const Settings& settings) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::seconds(settings.seconds);
  const std::vector<Parts> seeds = seed_files();
  Counts counts;
  current_seed = settings.seed;
  current_iteration = settings.first;
  for (; counts.iterations < settings.iterations && Clock::now() < end; ++current_iteration) {
    run_one(seeds, counts);
  }
  std::cout << counts.iterations << " iterations, accepted " << counts.json << " texts and "
            << counts.files << " files\n";
}

}  // namespace
}  // namespace mime_fast::test

int main(int count, char** arguments) {
  __sanitizer_set_death_callback(mime_fast::test::print_place);
  try {
    mime_fast::test::run(mime_fast::test::read_settings(count, arguments));
  } catch (const std::exception& error) {
    std::cerr << "unexpected: " << error.what() << "\n";
    mime_fast::test::print_place();
    return 1;
  }
}
