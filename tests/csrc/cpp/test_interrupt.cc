// Long calls look for an interrupt while a model is loaded, and in steps of very many rows. The
// engine aims at 20 ms of its own work; the limit here allows for a slow machine and for
// sanitizers.

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "check.h"
#include "engine/decoding_session.h"
#include "tiny_model.h"

namespace mime_fast::test {
namespace {

constexpr std::int64_t kMost = kSanitized ? 500'000'000 : 60'000'000;

std::int64_t processor_time() {
  std::timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

struct Looks {
  std::int64_t count = 0;
  std::int64_t last = 0;
  std::int64_t longest = 0;  // between two
} looks;

// The clock of the interrupt: a call that reads it looks.
std::int64_t look() {
  const std::int64_t time = processor_time();
  ++looks.count;
  looks.longest = std::max(looks.longest, time - looks.last);
  looks.last = time;
  return time;
}

class Watch final : public Interrupt {
 public:
  Watch() : Interrupt(true, look) { looks = {0, processor_time(), 0}; }

 private:
  bool is_interrupted() override { return false; }
};

void check_looks(const char* what) {
  look();
  std::printf("%s: %ld looks, at most %.1f ms apart\n", what, long{looks.count},
              static_cast<double>(looks.longest) / 1e6);
  CHECK(looks.count > 10);
  CHECK(looks.longest < kMost);
}

// The model has the size of the released ones.
void test_load(ComputeType compute_type) {
  Random random(1);
  ModelConfig config = random_config(random);
  config.architecture = MultiTr::kArchitecture;
  config.vocab_size = 20'000;
  config.hidden_dim = 300;
  const RandomModel model(config, random, false);
  Watch watch;
  const Engine engine(model.path(), config, compute_type, 1, "", ThreadPool::Shortage::fail,
                      &watch);
  check_looks("load");
}

// One thread: all of the work is the caller's.
std::shared_ptr<Engine> small_engine(ComputeType compute_type, Random& random) {
  ModelConfig config = random_config(random);
  config.vocab_size = 1000;
  config.max_positions = 40;
  const RandomModel model(config, random, false);
  return std::make_shared<Engine>(model.path(), config, compute_type, 1);
}

void test_steps(const char* what, GenerationOptions options, ComputeType compute_type) {
  options.max_new_tokens = options.min_new_tokens = 4;
  Random random(2);
  const auto engine = small_engine(compute_type, random);
  const auto encoded = random_encoded(*engine, random);
  Watch watch;
  DecodingSession session(engine, options, 1, &watch);
  session.join(encoded, 1);
  session.run(3, &watch);
  check_looks(what);
}

}  // namespace
}  // namespace mime_fast::test

int main() {
  using namespace mime_fast::test;
  using mime_fast::ComputeType;
  test_load(ComputeType::int8);
  test_load(ComputeType::bfloat16);
  mime_fast::GenerationOptions beams, samples;
  beams.num_beams = cases(1000);
  beams.no_repeat_ngram_size = 2;
  samples.do_sample = true;
  samples.num_return_sequences = cases(10'000);
  samples.repetition_penalty = 1.3;
  for (const ComputeType compute_type : {ComputeType::float32, ComputeType::int8}) {
    test_steps("beams", beams, compute_type);
    test_steps("sequences", samples, compute_type);
  }
  return status();
}
