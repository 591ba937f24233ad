// Requests of many threads at a service: each gets the reply that it gets alone, whatever else
// runs, is cancelled or fails.

#include "service/service.h"

#include <poll.h>

#include <map>
#include <set>
#include <thread>

#include "check.h"
#include "replies.h"

namespace mime_fast::test {
namespace {

using EventKind = ServiceEvent::Kind;

constexpr int kPatience = 60'000;  // ms until a test has failed

// A request, and the reply that it gets alone.
struct Case {
  ServiceRequest request;
  Reply alone;
};

std::shared_ptr<const EncoderOutput> encode(Engine& engine, const ServiceRequest& request) {
  return encode_all(engine, {{&request.dialogue, request.noise.data(), request.emotion}}, nullptr)
      .front();
}

ServiceRequest random_request(const Engine& engine, Random& random) {
  const ModelConfig& config = engine.model->config();
  ServiceRequest request;
  request.dialogue = {{kCls}, {kCls}};
  for (std::int64_t i = random.integer(0, config.max_positions - 1); i > 0; --i) {
    request.dialogue.tokens.push_back(random.integer(0, config.vocab_size - 1));
    request.dialogue.speakers.push_back(random.integer(0, config.vocab_size - 1));
  }
  request.noise = random.floats(engine.model->noise().size(), Kind::normal);
  request.emotion = random.integer(-1, 31);
  request.options = random_options(random, 12);
  request.seed = static_cast<std::uint64_t>(random.integer(0, 1 << 20));
  request.streams = random.one_in(2);
  return request;
}

Case random_case(const std::shared_ptr<Engine>& engine, Random& random) {
  Case result{random_request(*engine, random), {}};
  const ServiceRequest& request = result.request;
  result.alone = reply_alone(engine, encode(*engine, request), request.options, request.seed);
  return result;
}

std::vector<ServiceEvent> wait_for_events(Service& service) {
  pollfd descriptor{service.file_descriptor(), POLLIN, 0};
  CHECK(poll(&descriptor, 1, kPatience) == 1);
  return service.take_events();
}

// Returns the last event of a request.
ServiceEvent wait_for_end(Service& service, Ticket ticket) {
  while (true) {
    for (ServiceEvent& event : wait_for_events(service)) {
      if (event.ticket == ticket && event.kind != EventKind::tokens) return std::move(event);
    }
  }
}

template <typename Condition>
void wait_until(Condition&& holds) {
  for (int waited = 0; waited < kPatience && !holds(); ++waited) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(holds());
}

// Holds up the service's thread until it is opened.
class Gate final : public StopCondition {
 public:
  bool ends(const TokenIds&) const override {
    reached = true;
    while (!open) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return false;
  }
  mutable std::atomic<bool> reached{false};
  std::atomic<bool> open{false};
};

ServiceRequest long_request(const Engine& engine, Random& random) {
  ServiceRequest request = random_request(engine, random);
  request.options = {};
  request.options.num_beams = 32;
  request.options.max_new_tokens = request.options.min_new_tokens = 40;
  return request;
}

// Four threads submit and cancel; this one reads.
void test_load(const std::string& architecture, ComputeType compute_type) {
  constexpr std::size_t kRequests = 120, kCallers = 4;
  Random random(7);
  const auto engine = random_engine(random, architecture, compute_type);
  learn_drafts(engine, random);
  std::vector<Case> cases;
  for (std::size_t i = 0; i < kRequests; ++i) cases.push_back(random_case(engine, random));
  Service service(engine, {.running = 9, .waiting = kRequests});
  std::mutex mutex;
  std::map<Ticket, const Case*> submitted;  // guarded by mutex
  std::set<Ticket> cancelled;               // guarded by mutex
  std::vector<std::thread> callers;
  for (std::size_t caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&, caller] {
      Random choice(caller);
      for (std::size_t i = caller; i < kRequests; i += kCallers) {
        const std::lock_guard<std::mutex> lock(mutex);
        const Ticket ticket = service.submit(cases[i].request);
        submitted[ticket] = &cases[i];
        if (!choice.one_in(8)) continue;
        service.cancel(ticket);
        cancelled.insert(ticket);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  std::map<Ticket, TokenIds> streamed;
  std::size_t ended = 0;
  while (ended + cancelled.size() < kRequests) {
    for (const ServiceEvent& event : wait_for_events(service)) {
      if (cancelled.count(event.ticket) != 0) continue;
      const Case& expected = *submitted.at(event.ticket);
      TokenIds& tokens = streamed[event.ticket];
      tokens.insert(tokens.end(), event.tokens.begin(), event.tokens.end());
      CHECK(event.encoded != nullptr);
      if (event.kind == EventKind::tokens) {
        CHECK(expected.request.streams && event.tokens.size() == event.log_probs.size());
        continue;
      }
      CHECK(event.kind == EventKind::done);
      CHECK(to_reply(event.replies) == expected.alone);
      const TokenIds& best = expected.alone.tokens.front();
      CHECK(tokens.size() <= best.size() && std::equal(tokens.begin(), tokens.end(), best.begin()));
      ++ended;
    }
  }
  wait_until([&] { return service.running() == 0 && service.waiting() == 0; });
}

void test_limits() {
  Random random(1);
  const auto engine = random_engine(random, Mime::kArchitecture, ComputeType::float32);
  Service service(engine, {.running = 1, .waiting = 1});
  const auto gate = std::make_shared<Gate>();
  ServiceRequest blocking = long_request(*engine, random);
  blocking.options.num_beams = 1;
  blocking.options.stop = gate;
  const Ticket first = service.submit(blocking);
  wait_until([&] { return gate->reached.load(); });  // or the thread may drop the late one now
  ServiceRequest late = random_request(*engine, random);
  late.start_by = ServiceRequest::Clock::now();
  const Ticket second = service.submit(late);
  CHECK(service.running() == 1 && service.waiting() == 1);
  CHECK_THROWS(QueueFull, "1 requests run and 1 wait", service.submit(late));
  gate->open = true;
  CHECK(wait_for_end(service, second).kind == EventKind::expired);
  const Ticket third = service.submit(random_request(*engine, random));
  service.cancel(first);
  CHECK(wait_for_end(service, third).kind == EventKind::done);
  wait_until([&] { return service.running() == 0; });
}

// A reply whose words were all learned is drafted, and the drafts are counted.
void test_drafts() {
  Random random(5);
  const auto engine = random_engine(random, Mime::kArchitecture, ComputeType::int8);
  ServiceRequest request = random_request(*engine, random);
  request.options = {};
  request.options.min_new_tokens = request.options.max_new_tokens = 20;
  const Reply alone = reply_alone(engine, encode(*engine, request), request.options, 0);
  learn_reply(*engine, alone.tokens.front(), [] { return true; });
  Service service(engine, {});
  const ServiceEvent event = wait_for_end(service, service.submit(request));
  CHECK(to_reply(event.replies) == alone);
  CHECK(0 < event.drafts.accepted && event.drafts.accepted <= event.drafts.drafted);
  CHECK(event.drafts.accepted < 20);
}

// The encoder alone, for a reply that is not generated.
void test_encoder_only() {
  Random random(2);
  const auto engine = random_engine(random, Mime::kArchitecture, ComputeType::float32);
  Service service(engine, {});
  ServiceRequest request = random_request(*engine, random);
  request.generates = false;
  const ServiceEvent event = wait_for_end(service, service.submit(request));
  const auto expected = encode(*engine, request);
  CHECK(event.kind == EventKind::done && event.replies.empty());
  for (std::int64_t i = 0; i < kEmotions; ++i) {
    CHECK(event.encoded->emotion_logits[i] == expected->emotion_logits[i]);
  }
}

// A request that fails ends alone.
void test_failure() {
  Random random(3);
  const auto engine = random_engine(random, Mime::kArchitecture, ComputeType::int8);
  Service service(engine, {});
  ServiceRequest wrong = long_request(*engine, random);
  wrong.options.num_beams = 2;
  wrong.options.stop = std::make_shared<FailingStop>();
  const Case right = random_case(engine, random);
  const Ticket failing = service.submit(wrong), other = service.submit(right.request);
  std::map<Ticket, ServiceEvent> ends;
  while (ends.size() < 2) {
    for (ServiceEvent& event : wait_for_events(service)) {
      if (event.kind != EventKind::tokens) ends[event.ticket] = std::move(event);
    }
  }
  CHECK(ends[failing].kind == EventKind::failed);
  CHECK_THROWS(std::runtime_error, "the stop condition failed",
               std::rethrow_exception(ends[failing].error));
  CHECK(to_reply(ends[other].replies) == right.alone);
  wrong.options.top_p = 2;
  CHECK_THROWS(std::invalid_argument, "top_p must be in (0, 1]", service.submit(wrong));
}

// It ends in the middle of replies, and takes no more.
void test_close() {
  Random random(4);
  const auto engine = random_engine(random, Mime::kArchitecture, ComputeType::float32);
  Service service(engine, {});
  for (int i = 0; i < 5; ++i) service.submit(long_request(*engine, random));
  CHECK(service.alive());
  service.close();
  service.close();
  CHECK(!service.alive());
  CHECK_THROWS(ServiceClosed, "make a new one", service.submit(long_request(*engine, random)));
  service.cancel(1);
}

}  // namespace
}  // namespace mime_fast::test

int main() {
  using mime_fast::ComputeType;
  for (const char* architecture :
       {mime_fast::Mime::kArchitecture, mime_fast::Moel::kArchitecture}) {
    for (const ComputeType compute_type : {ComputeType::float32, ComputeType::int8}) {
      mime_fast::test::test_load(architecture, compute_type);
    }
  }
  mime_fast::test::test_limits();
  mime_fast::test::test_drafts();
  mime_fast::test::test_encoder_only();
  mime_fast::test::test_failure();
  mime_fast::test::test_close();
  return mime_fast::test::status();
}
