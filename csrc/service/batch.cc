#include "service/batch.h"

#include <algorithm>
#include <utility>

namespace mime_fast {
namespace {

using Clock = ServiceRequest::Clock;

constexpr std::size_t kExpected = 32;  // requests that buffers are reserved for

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

ServiceEvent failed(Ticket ticket, std::exception_ptr error) {
  ServiceEvent event;
  event.ticket = ticket;
  event.kind = ServiceEvent::Kind::failed;
  event.error = std::move(error);
  return event;
}

// Room for the longest reply of the default options; longer ones enlarge it.
GenerationOptions usual_options(const Engine& engine) {
  GenerationOptions options;
  options.max_new_tokens = std::min(options.max_new_tokens, engine.model->config().max_positions);
  return options;
}

}  // namespace

Batch::Batch(std::shared_ptr<Engine> engine)
    : engine_(std::move(engine)), session_(engine_, usual_options(*engine_), kExpected) {}

void Batch::start(std::vector<std::unique_ptr<Submitted>> requests, Interrupt& interrupt,
                  std::vector<ServiceEvent>& events, std::vector<std::int64_t>& ended) {
  if (requests.empty()) return;
  const Clock::time_point began = Clock::now();
  std::size_t started = 0;
  try {
    std::vector<EncoderInput> inputs;
    for (const auto& submitted : requests) {
      const ServiceRequest& request = submitted->request;
      inputs.push_back({&request.dialogue, request.noise.data(), request.emotion});
    }
    auto encoded = encode_all(*engine_, inputs, &interrupt);
    const double encode_ms = milliseconds_since(began);
    for (; started < requests.size(); ++started) {
      Submitted& submitted = *requests[started];
      if (submitted.request.generates) {
        join(submitted, std::move(encoded[started]), encode_ms);
        continue;
      }
      ServiceEvent event;
      event.ticket = submitted.ticket;
      event.encoded = std::move(encoded[started]);
      event.encode_ms = encode_ms;
      events.push_back(std::move(event));
      ended.push_back(submitted.request.rows());
    }
  } catch (const Interrupted&) {
    throw;
  } catch (...) {
    for (; started < requests.size(); ++started) {
      events.push_back(failed(requests[started]->ticket, std::current_exception()));
      ended.push_back(requests[started]->request.rows());
    }
  }
}

void Batch::join(Submitted& submitted, std::shared_ptr<const EncoderOutput> encoded,
                 double encode_ms) {
  const ServiceRequest& request = submitted.request;
  runs_.push_back({.ticket = submitted.ticket,
                   .number = 0,
                   .encoded = encoded,
                   .stop = request.options.stop,
                   .streams = request.streams,
                   .sent = 0,
                   .rows = request.rows(),
                   .encode_ms = encode_ms,
                   .started = Clock::now()});
  try {
    runs_.back().number = session_.join(std::move(encoded), request.options, request.seed);
  } catch (...) {
    runs_.pop_back();
    throw;
  }
}

void Batch::step(Interrupt& interrupt, std::vector<ServiceEvent>& events,
                 std::vector<std::int64_t>& ended) {
  if (runs_.empty()) return;
  try {
    Team team(engine_->pool, &interrupt);
    session_.step(team);
  } catch (const Interrupted&) {
    throw;
  } catch (...) {
    return fail_all(std::current_exception(), events, ended);
  }
  for (Run& run : runs_) {
    if (run.streams && !session_.error(run.number)) report_agreed(run, events);
    if (!session_.has_ended(run.number)) continue;
    events.push_back(end_of(run));
    ended.push_back(run.rows);
    session_.release(run.number);
    run.encoded.reset();  // marks a run that has ended
  }
  const auto has_ended = [](const Run& run) { return run.encoded == nullptr; };
  runs_.erase(std::remove_if(runs_.begin(), runs_.end(), has_ended), runs_.end());
}

void Batch::report_agreed(Run& run, std::vector<ServiceEvent>& events) {
  Search& search = session_.search(run.number);
  const TokenIds& agreed = search.agreed();
  const auto sent = static_cast<std::ptrdiff_t>(run.sent);
  const auto count = static_cast<std::ptrdiff_t>(agreed.size());
  if (count <= sent) return;
  ServiceEvent event;
  event.ticket = run.ticket;
  event.kind = ServiceEvent::Kind::tokens;
  event.encoded = run.encoded;
  event.tokens.assign(agreed.begin() + sent, agreed.end());
  const std::vector<double>& log_probs = search.leader().log_probs;
  event.log_probs.assign(log_probs.begin() + sent, log_probs.begin() + count);
  run.sent = agreed.size();
  events.push_back(std::move(event));
}

ServiceEvent Batch::end_of(Run& run) {
  ServiceEvent event;
  if (const std::exception_ptr& error = session_.error(run.number)) {
    event = failed(run.ticket, error);
  } else {
    const Search& search = session_.search(run.number);
    event.replies = search.results();
    event.drafts = search.drafts();
  }
  event.ticket = run.ticket;
  event.encoded = run.encoded;
  event.encode_ms = run.encode_ms;
  event.decode_ms = milliseconds_since(run.started);
  event.stop = std::move(run.stop);
  return event;
}

void Batch::fail_all(const std::exception_ptr& error, std::vector<ServiceEvent>& events,
                     std::vector<std::int64_t>& ended) {
  for (Run& run : runs_) {
    events.push_back(failed(run.ticket, error));
    events.back().stop = std::move(run.stop);
    ended.push_back(run.rows);
    session_.release(run.number);
  }
  runs_.clear();
}

void Batch::cancel(Ticket ticket, std::vector<std::int64_t>& ended) {
  const auto found = std::find_if(runs_.begin(), runs_.end(),
                                  [&](const Run& run) { return run.ticket == ticket; });
  if (found == runs_.end()) return;
  session_.release(found->number);
  ended.push_back(found->rows);
  runs_.erase(found);
}

}  // namespace mime_fast
