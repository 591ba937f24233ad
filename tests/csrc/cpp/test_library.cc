// A program that embeds libmime_fast, as C++17: make sanitize and the tests of Python run it.
//
// test_library CHECKPOINT
#include <poll.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "mime_fast/mime_fast.hpp"
#include "mime_fast/service.hpp"

namespace {

using mime_fast::Error;
using mime_fast::Generator;
using mime_fast::Options;
using mime_fast::Response;
using mime_fast::Service;

void check(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "failed: %s\n", what.c_str());
  std::exit(1);
}

// The status of the Error that a call throws.
template <typename Call>
mime_fast_status status_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    check(std::string_view(error.what()).size() > 10, "an error has a message");
    return error.status();
  }
  return MIME_FAST_OK;
}

Options seeded(std::uint64_t seed) {
  Options options;
  options.seed = seed;
  return options;
}

void test_reply(const Generator& generator) {
  const Response response = generator.respond("I lost my dog yesterday.", seeded(1));
  check(!response.text().empty(), "a reply has a text");
  check(response.polarity() == "negative", "the emotion is unpleasant");
  check(response.seed() == 1, "the seed is the given one");
  check(!response.crisis(), "there is no crisis");
  check(response.emotions().size() == 32, "there are 32 emotions");
  double sum = 0;
  for (const auto& [name, share] : response.emotions()) sum += share;
  check(std::abs(sum - 1) < 1e-9, "their probabilities add up to 1");
  check(response.mimicked() == "negative", "the speaker's group is mimicked");
  check(response.words() == 5 && response.unknown_words() == 0, "words are counted");
  check(response.encode_milliseconds() > 0 && response.decode_milliseconds() > 0, "time passes");
}

void test_stream(const Generator& generator) {
  Options options = seeded(2);
  options.do_sample = false;
  options.emotion = "joyful";
  options.stop = {" zzyzx"};
  std::string text;
  const auto take = [&](std::string_view piece) { return text += piece, true; };
  const std::vector<std::string> turns = {"I got a job!", "Wow!", "It is my dream."};
  check(generator.stream(turns, take, options).text() == text, "the pieces are the text");
  const auto stop = [](std::string_view) { return false; };
  check(status_of([&] { generator.stream(turns, stop, options); }) == MIME_FAST_CANCELLED,
        "a callback gives the reply up");
  try {
    generator.stream(
        turns, [](std::string_view) -> bool { throw std::out_of_range("mine"); }, options);
    check(false, "what a callback throws arrives");
  } catch (const std::out_of_range& error) {
    check(error.what() == std::string("mine"), "it is the same");
  }
}

void test_options(const Generator& generator) {
  Options beams = seeded(3);
  beams.num_beams = 4;
  beams.num_return_sequences = 3;
  beams.bad_words = {"sorry"};
  beams.avoid_cheer = false;
  beams.logprobs = 2;
  const Response response = generator.respond("I am sad.", beams);
  const auto candidates = response.candidates();
  check(candidates.size() == 3, "there are three candidates");
  for (const auto& each : candidates) {
    check(each.score && !each.tokens.empty(), "each has a score and tokens");
    check(each.logprobs.size() >= each.tokens.size(), "each token has a log-probability");
    check(each.logprobs[0].token == each.tokens[0] && each.logprobs[0].logprob < 0, "its own");
    check(each.logprobs[0].top.size() == 2, "the likeliest are listed");
    check(each.text.find("sorry") == std::string::npos, "bad words are never generated");
  }
  const std::size_t positions = candidates[0].logprobs.size();
  const std::size_t beyond[][3] = {
      {3, 0, 0}, {0, positions, 0}, {0, 0, 2}, {0, positions, MIME_FAST_GENERATED}};
  for (const auto& [candidate, position, rank] : beyond) {
    check(
        mime_fast_response_candidate_logprob_token(response.get(), candidate, position, rank) == -1,
        "no token is out of range");
    check(
        *mime_fast_response_candidate_logprob_word(response.get(), candidate, position, rank) == 0,
        "nor is a word");
    check(
        std::isnan(mime_fast_response_candidate_logprob(response.get(), candidate, position, rank)),
        "nor is a log-probability");
  }
  Options wrong;
  wrong.top_p = 2;
  check(status_of([&] { generator.respond("hi", wrong); }) == MIME_FAST_INVALID_ARGUMENT,
        "a wrong option is refused");
  Options off;
  off.top_k = -1;
  check(status_of([&] { generator.respond("hi", off); }) == MIME_FAST_INVALID_ARGUMENT,
        "-1 is no value, but stands for the checkpoint's");
  Options no_number;
  no_number.temperature = std::nan("");
  check(status_of([&] { generator.respond("hi", no_number); }) == MIME_FAST_INVALID_ARGUMENT,
        "NaN is no value, but stands for the checkpoint's");
  check(status_of([&] { generator.respond(std::string("hi\0I want to die", 16)); }) ==
            MIME_FAST_INVALID_ARGUMENT,
        "a text is never cut at a zero byte");
  check(status_of([&] { generator.respond(""); }) == MIME_FAST_INVALID_ARGUMENT,
        "an empty message is refused");
  check(status_of([] { Generator("/nowhere"); }) == MIME_FAST_CHECKPOINT_ERROR,
        "a missing checkpoint is refused");
}

void test_crisis(const Generator& generator) {
  const Response response = generator.respond("I want to kill myself tonight");
  check(response.crisis() && response.crisis()->about == "self", "a crisis is found");
  check(response.finish_reason() == "crisis", "the reply is fixed");
  check(response.candidates().size() == 1, "it is the only one");
}

void wait_for_events(const Service& service) {
  pollfd readable{service.file_descriptor(), POLLIN, 0};
  check(poll(&readable, 1, 60'000) == 1, "an event comes");
}

void test_service(const Generator& generator) {
  constexpr std::uint64_t kRequests = 12;
  Service service(generator);
  const std::vector<std::string> turns = {"I am alone."};
  std::map<std::uint64_t, std::uint64_t> seeds;  // by ticket
  for (std::uint64_t seed = 0; seed < kRequests; ++seed) {
    Options options = seeded(seed);
    options.do_sample = seed % 3 == 0;
    seeds[service.submit(turns, options, seed % 2 == 0)] = seed;
  }
  const std::uint64_t cancelled = service.submit(turns);
  service.cancel(cancelled);
  std::map<std::uint64_t, std::string> streamed;
  while (!seeds.empty()) {
    wait_for_events(service);
    while (const auto event = service.next()) {
      check(event->ticket != cancelled, "what is cancelled has no event");
      streamed[event->ticket] += event->piece;
      if (event->kind == MIME_FAST_PIECE) continue;
      check(event->kind == MIME_FAST_DONE && event->response && !event->error, "it is done");
      const std::uint64_t seed = seeds.at(event->ticket);
      Options options = seeded(seed);
      options.do_sample = seed % 3 == 0;
      const std::string text = generator.respond(turns, options).text();
      check(event->response->text() == text, "it is the reply that it gets alone");
      check(streamed[event->ticket] == (seed % 2 == 0 ? text : ""), "the pieces are the text");
      seeds.erase(event->ticket);
    }
  }
  Options wrong;
  wrong.top_p = 2;
  check(status_of([&] { service.submit(turns, wrong); }) == MIME_FAST_INVALID_ARGUMENT,
        "a wrong option is refused");
  service.submit(turns);  // the service ends while it runs
}

void test_threads(const Generator& generator) {
  std::vector<std::string> texts(4);
  std::vector<std::thread> threads;
  for (std::string& text : texts) {
    threads.emplace_back([&] { text = generator.respond("I am alone.", seeded(4)).text(); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& text : texts) check(text == texts[0], "threads get the same reply");
}

void test_text(const Generator& generator) {
  check(generator.tokenize("I'm sad, aren't I?") == "i am sad , are not i ?", "words are split");
  check(mime_fast::detokenize("i am sad , n't i ?") == "I am sad,n't I?", "words are joined");
  check(status_of([&] { generator.tokenize("\xFF"); }) == MIME_FAST_INVALID_ARGUMENT,
        "text that is no UTF-8 is refused");
}

// The process ends while a thread answers: nothing that the thread reads is destroyed.
void begin_endless_replies(const char* checkpoint) {
  static const Generator& generator = *new Generator(checkpoint);
  std::thread([] {
    while (true) generator.respond("You said you would kys. Tim is dead.", seeded(5));
  }).detach();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

}  // namespace

int main(int argc, char** argv) {
  check(argc == 2, "usage: test_library CHECKPOINT");
  const Generator generator(argv[1]);
  test_reply(generator);
  test_stream(generator);
  test_options(generator);
  test_crisis(generator);
  test_service(generator);
  test_threads(generator);
  test_text(generator);
  begin_endless_replies(argv[1]);
  return 0;
}
