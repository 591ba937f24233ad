#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "library/boundary.h"
#include "library/text_service.h"

struct mime_fast_service {
  mime_fast::TextService service;
};

struct mime_fast_event {
  mime_fast::TextEvent event;
  std::unique_ptr<mime_fast_response> response;
  mime_fast_status status = MIME_FAST_OK;
  std::string error;
};

namespace mime_fast {
namespace {

ServiceLimits to_limits(const mime_fast_service_options* given) {
  if (given == nullptr) return {};
  // The first version's size; later fields stand behind it.
  constexpr std::size_t kFirstSize =
      offsetof(mime_fast_service_options, max_waiting) + sizeof(std::size_t);
  mime_fast_service_options initial;
  mime_fast_service_options_init(&initial);
  const mime_fast_service_options all =
      all_fields(*given, initial, kFirstSize, "mime_fast_service_options_init");
  if (all.max_running == 0) throw std::invalid_argument("max_running must be at least 1, got 0");
  return {.running = all.max_running, .waiting = all.max_waiting};
}

bool to_flag(int value, const char* name) {
  if (value == 0 || value == 1) return value == 1;
  throw std::invalid_argument(std::string(name) + " must be 0 or 1, got " + std::to_string(value));
}

// Without memory for its response, an event fails.
void set(mime_fast_event& event, TextEvent&& text) {
  const std::string before = mime_fast_last_error();
  event.event = std::move(text);
  event.status = guarded([&] {
    if (event.event.error) std::rethrow_exception(event.event.error);
    if (std::optional<Reply>& reply = event.event.reply) {
      event.response = std::make_unique<mime_fast_response>(mime_fast_response{std::move(*reply)});
    }
  });
  if (event.status == MIME_FAST_OK) return;
  event.event.kind = TextEvent::Kind::failed;
  event.error = mime_fast_last_error();
  set_last_error(before.c_str());  // of the last call that failed
}

mime_fast_kind to_kind(TextEvent::Kind kind) {
  switch (kind) {
    case TextEvent::Kind::piece:
      return MIME_FAST_PIECE;
    case TextEvent::Kind::done:
      return MIME_FAST_DONE;
    case TextEvent::Kind::expired:
      return MIME_FAST_EXPIRED;
    default:
      return MIME_FAST_FAILED;
  }
}

}  // namespace
}  // namespace mime_fast

using mime_fast::guarded;

void mime_fast_service_options_init_sized(mime_fast_service_options* options, size_t size) {
  if (options == nullptr) return;
  const mime_fast::ServiceLimits limits;
  mime_fast::initialize(
      mime_fast_service_options{
          .size = 0, .max_running = limits.running, .max_waiting = limits.waiting},
      options, size);
}

mime_fast_status mime_fast_service_create(const mime_fast_generator* generator,
                                          const mime_fast_service_options* options,
                                          mime_fast_service** service) {
  if (service != nullptr) *service = nullptr;
  return guarded([&] {
    mime_fast::require_pointer(generator, "generator");
    mime_fast::require_pointer(service, "service");
    *service = new mime_fast_service{{generator->generator, mime_fast::to_limits(options)}};
  });
}

void mime_fast_service_destroy(mime_fast_service* service) { delete service; }

mime_fast_status mime_fast_service_submit(mime_fast_service* service, const char* const* turns,
                                          size_t turn_count, const mime_fast_options* options,
                                          int streams, double max_wait, uint64_t* ticket) {
  return guarded([&] {
    mime_fast::require_pointer(service, "service");
    mime_fast::require_pointer(ticket, "ticket");
    mime_fast::TextService& own = service->service;
    const auto all = mime_fast::to_reply_options(options, own.generator().defaults());
    *ticket = own.submit(mime_fast::to_turns(turns, turn_count), all,
                         mime_fast::to_flag(streams, "streams"),
                         max_wait == 0 ? std::nullopt : std::optional(max_wait));
  });
}

mime_fast_status mime_fast_service_cancel(mime_fast_service* service, uint64_t ticket) {
  return guarded([&] {
    mime_fast::require_pointer(service, "service");
    service->service.cancel(ticket);
  });
}

size_t mime_fast_service_running(const mime_fast_service* service) {
  return service == nullptr ? 0 : service->service.running();
}

size_t mime_fast_service_waiting(const mime_fast_service* service) {
  return service == nullptr ? 0 : service->service.waiting();
}

int mime_fast_service_file_descriptor(const mime_fast_service* service) {
  return service == nullptr ? -1 : service->service.file_descriptor();
}

mime_fast_status mime_fast_service_next(mime_fast_service* service, mime_fast_event** event) {
  if (event != nullptr) *event = nullptr;
  return guarded([&] {
    mime_fast::require_pointer(service, "service");
    mime_fast::require_pointer(event, "event");
    auto found = std::make_unique<mime_fast_event>();  // before an event is taken
    auto text = service->service.next();
    if (!text) return;
    mime_fast::set(*found, std::move(*text));
    *event = found.release();
  });
}

void mime_fast_event_destroy(mime_fast_event* event) { delete event; }

uint64_t mime_fast_event_ticket(const mime_fast_event* event) {
  return event == nullptr ? 0 : event->event.ticket;
}

mime_fast_kind mime_fast_event_kind(const mime_fast_event* event) {
  return event == nullptr ? MIME_FAST_FAILED : mime_fast::to_kind(event->event.kind);
}

const char* mime_fast_event_piece(const mime_fast_event* event) {
  return event == nullptr ? "" : event->event.piece.c_str();
}

mime_fast_response* mime_fast_event_take_response(mime_fast_event* event) {
  return event == nullptr ? nullptr : event->response.release();
}

mime_fast_status mime_fast_event_status(const mime_fast_event* event) {
  return event == nullptr ? MIME_FAST_INVALID_ARGUMENT : event->status;
}

const char* mime_fast_event_error(const mime_fast_event* event) {
  return event == nullptr ? "" : event->error.c_str();
}
