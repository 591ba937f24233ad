// The searches on a GPU do what their one source does on the CPU: after each step of random and of
// hostile states, every buffer is the same. Exits with 77 where there is no GPU.
//
//   gpu_device_search [cases]

#include <cuda_runtime_api.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <unordered_map>

#include "check.h"
#include "device_states.h"

namespace mime_fast::test {
namespace {

constexpr int kSkipped = 77;
constexpr std::int64_t kWords = 23700;  // the default vocabulary

void require(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(status));
}

// Copies of a state's buffers in the memory of the GPU, each of exactly its size.
class Mirror {
 public:
  template <typename State>
  explicit Mirror(State& state) {
    state.each([&](const char*, auto& values) {
      void* memory = nullptr;
      require(cudaMalloc(&memory, bytes(values)), "cudaMalloc");
      memory_[values.data()] = memory;
    });
  }
  ~Mirror() {
    for (const auto& [host, memory] : memory_) cudaFree(memory);
  }
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;

  // The copy of that buffer.
  template <typename T>
  T* operator()(std::vector<T>& values) const {
    return static_cast<T*>(memory_.at(values.data()));
  }

  template <typename State>
  void upload(State& state) const {
    state.each([&](const char*, auto& values) {
      require(cudaMemcpy((*this)(values), values.data(), bytes(values), cudaMemcpyHostToDevice),
              "upload");
    });
  }

  template <typename T>
  std::vector<T> download(std::vector<T>& values) const {
    std::vector<T> found(values.size());
    require(cudaMemcpy(found.data(), (*this)(values), bytes(values), cudaMemcpyDeviceToHost),
            "download");
    return found;
  }

 private:
  template <typename T>
  static std::size_t bytes(const std::vector<T>& values) {
    return values.size() * sizeof(T);
  }

  std::unordered_map<const void*, void*> memory_;
};

template <typename T>
bool agree(const std::vector<T>& found, const std::vector<T>& expected, double tolerance) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if constexpr (std::is_floating_point_v<T>) {
      const double difference = std::abs(double{found[i]} - double{expected[i]});
      if (same(found[i], expected[i])) continue;
      if (!(difference <= tolerance * std::abs(double{expected[i]}))) return false;
    } else {
      if (found[i] != expected[i]) return false;
    }
  }
  return true;
}

// Compares every buffer; false if one differs. Scores may differ by rounding: each is a power,
// which the two sides round in their own ways.
template <typename State>
bool check_same(State& expected, const Mirror& mirror, const std::string& what) {
  bool all = true;
  expected.each([&](const std::string& name, auto& values) {
    const bool passed = agree(mirror.download(values), values, name == "scores" ? 1e-14 : 0);
    check(passed, __FILE__, __LINE__, what + ": " + name + " differs");
    all = all && passed;
  });
  return all;
}

// How a case is made hostile.
enum Hostile { kNothing, kTies, kAllBlocked, kMostBlocked, kOneWord, kLong, kWide, kHostile };
constexpr const char* kNames[] = {"random",   "ties", "all blocked", "most blocked",
                                  "one word", "long", "wide"};

Language make_language(Random& random, Hostile kind, const GenerationOptions& options) {
  Language language{random.integer(3, 30), std::uint64_t(random.integer(0, 1 << 30)),
                    options.min_new_tokens, kind == kTies};
  if (kind == kAllBlocked) language.blocked = 1;
  if (kind == kMostBlocked) language.blocked = 2;
  if (kind == kOneWord) language.only = random.integer(0, language.vocab - 1);
  return language;
}

void lengthen(Random& random, Hostile kind, GenerationOptions& options) {
  if (kind != kLong) return;
  options.max_new_tokens = random.integer(100, 200);
  options.min_new_tokens = options.max_new_tokens - random.integer(0, 20);
}

// wide: as many beams as there may be.
void check_beams(Random& random, Hostile kind) {
  GenerationOptions options = random_beams(random);
  lengthen(random, kind, options);
  if (kind == kWide) options.num_beams = kMaxBeams;
  const std::int64_t requests = random.integer(1, 5);
  BeamState state(options, requests, options.max_new_tokens + random.integer(0, 70));
  std::vector<Language> languages;
  for (std::int64_t i = 0; i < requests; ++i) {
    languages.push_back(make_language(random, kind, options));
  }
  const Mirror mirror(state);
  for (std::int64_t step = 0; step < options.max_new_tokens; ++step) {
    state.decode(languages, step);
    mirror.upload(state);
    cpu::beam_step(state.rows());
    cuda::beam_step(state.rows(mirror), nullptr);
    require(cudaDeviceSynchronize(), "beam_step");
    const std::string what = std::string(kNames[kind]) + " beams, step " + std::to_string(step);
    if (!check_same(state, mirror, what)) return;
  }
}

// wide: long replies of a few words.
void check_drafts(Random& random, Hostile kind) {
  GenerationOptions options = random_options(random);
  lengthen(random, kind == kWide ? kLong : kind, options);
  std::vector<Language> languages;
  for (std::int64_t i = random.integer(1, 5); i > 0; --i) {
    languages.push_back(make_language(random, kind, options));
  }
  DraftState state(random, options, languages, options.max_new_tokens + random.integer(0, 70));
  const Mirror mirror(state);
  for (std::int64_t step = 0; step < options.max_new_tokens; ++step) {
    for (std::int64_t row = 0; row < state.replies.rows; ++row) {
      const Language& language = languages[std::size_t(row / DraftState::kWidth)];
      if (state.replies.view().is_active(row)) state.decode(row, language);
    }
    mirror.upload(state);
    cpu::draft_step(state.rows());
    cuda::draft_step(state.rows(mirror), nullptr);
    require(cudaDeviceSynchronize(), "draft_step");
    const std::string what = std::string(kNames[kind]) + " drafts, step " + std::to_string(step);
    if (!check_same(state, mirror, what)) return;
  }
}

// wide: the default vocabulary.
void check_sampling(Random& random, Hostile kind) {
  GenerationOptions options = random_sampling(random);
  lengthen(random, kind, options);
  Language language = make_language(random, kind, options);
  if (kind == kWide) {
    options.max_new_tokens = 2;
    options.min_new_tokens = 0;
    language = {kWords, language.seed, 0, false};
  }
  const std::int64_t steps = options.max_new_tokens + 2;
  SampleState state(options, language.vocab, steps, language.seed);
  const Mirror mirror(state);
  for (std::int64_t step = 0; step < steps; ++step) {
    state.decode(language);
    mirror.upload(state);
    cpu::sample_step(state.rows());
    cuda::sample_step(state.rows(mirror), nullptr);
    require(cudaDeviceSynchronize(), "sample_step");
    const std::string what = std::string(kNames[kind]) + " samples, step " + std::to_string(step);
    if (!check_same(state, mirror, what)) return;
  }
}

}  // namespace
}  // namespace mime_fast::test

int main(int count, char** arguments) {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::cout << "skipped: there is no GPU\n";
    return mime_fast::test::kSkipped;
  }
  using mime_fast::test::Hostile;
  const int cases = count > 1 ? std::atoi(arguments[1]) : 210;
  mime_fast::test::Random random(11);
  try {
    for (int i = 0; i < cases; ++i) {
      const auto kind = static_cast<Hostile>(i % mime_fast::test::kHostile);
      mime_fast::test::check_beams(random, kind);
      mime_fast::test::check_drafts(random, kind);
      mime_fast::test::check_sampling(random, kind);
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  std::cout << cases << " beams, drafted replies and samples each compared\n";
  return mime_fast::test::status();
}
