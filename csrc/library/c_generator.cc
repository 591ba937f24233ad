#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "library/boundary.h"
#include "search/special.h"
#include "text/detokenizer.h"
#include "text/message.h"
#include "text/tables.h"
#include "text/unicode_lexicon.h"

namespace mime_fast {
namespace {

ComputeType to_compute_type(std::string_view name) {
  if (name == "int8") return ComputeType::int8;
  if (name == "float32") return ComputeType::float32;
  if (name == "bfloat16") return ComputeType::bfloat16;
  throw std::invalid_argument("compute_type must be int8, float32 or bfloat16, got " + shown(name));
}

LoadOptions to_load_options(const mime_fast_load_options* given) {
  LoadOptions options;
  if (given == nullptr) return options;
  // The first version's size; later fields stand behind it.
  constexpr std::size_t kFirstSize = offsetof(mime_fast_load_options, threads) + sizeof(int);
  mime_fast_load_options initial;
  mime_fast_load_options_init(&initial);
  const mime_fast_load_options all =
      all_fields(*given, initial, kFirstSize, "mime_fast_load_options_init");
  if (all.compute_type != nullptr)
    options.compute_type = to_compute_type(checked_text(all.compute_type, "compute_type"));
  options.threads = all.threads;
  return options;
}

mime_fast_status respond(const mime_fast_generator* generator, const char* const* turns,
                         std::size_t turn_count, const mime_fast_options* options,
                         const OnPiece& on_piece, mime_fast_response** response) noexcept {
  if (response != nullptr) *response = nullptr;
  return guarded([&] {
    require_pointer(generator, "generator");
    const TextGenerator& own = generator->generator;
    const ReplyOptions all = to_reply_options(options, own.defaults());
    auto made = std::make_unique<mime_fast_response>();
    made->reply = own.respond(to_turns(turns, turn_count), all, on_piece);
    if (response != nullptr) *response = made.release();
  });
}

// The words or word pieces of a text, those that the vocabulary lacks as they are written.
std::string joined_words(const ReplyTokenizer& tokenizer, std::string_view text) {
  const TokenIds ids = tokenizer.encode(text);
  const std::vector<std::string> written = tokenizer.tokenize(text);
  std::string joined;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto id = static_cast<std::size_t>(ids[i]);
    if (i > 0) joined += ' ';
    joined += ids[i] == kUnk ? written[i] : tokenizer.context_words()[id];
  }
  return joined;
}

}  // namespace
}  // namespace mime_fast

using mime_fast::guarded;

mime_fast_status mime_fast_generator_create(const char* folder,
                                            const mime_fast_load_options* options,
                                            mime_fast_generator** generator) {
  if (generator != nullptr) *generator = nullptr;
  return guarded([&] {
    mime_fast::require_pointer(folder, "folder");
    mime_fast::require_pointer(generator, "generator");
    *generator = new mime_fast_generator{
        mime_fast::TextGenerator(folder, mime_fast::to_load_options(options))};
  });
}

void mime_fast_generator_destroy(mime_fast_generator* generator) { delete generator; }

mime_fast_status mime_fast_respond(const mime_fast_generator* generator, const char* const* turns,
                                   size_t turn_count, const mime_fast_options* options,
                                   mime_fast_response** response) {
  const mime_fast_status status =
      guarded([&] { mime_fast::require_pointer(response, "response"); });
  if (status != MIME_FAST_OK) return status;
  return mime_fast::respond(generator, turns, turn_count, options, nullptr, response);
}

mime_fast_status mime_fast_stream(const mime_fast_generator* generator, const char* const* turns,
                                  size_t turn_count, const mime_fast_options* options,
                                  mime_fast_on_piece on_piece, void* context,
                                  mime_fast_response** response) {
  if (response != nullptr) *response = nullptr;
  const auto takes = [=](const std::string& piece) {
    return on_piece(piece.c_str(), context) == 0;
  };
  const mime_fast_status status = guarded(
      [&] { mime_fast::require_pointer(reinterpret_cast<const void*>(on_piece), "on_piece"); });
  if (status != MIME_FAST_OK) return status;
  return mime_fast::respond(generator, turns, turn_count, options, takes, response);
}

mime_fast_status mime_fast_tokenize(const mime_fast_generator* generator, const char* text,
                                    char* buffer, size_t capacity, size_t* length) {
  return guarded([&] {
    mime_fast::require_pointer(generator, "generator");
    const std::string_view checked = mime_fast::checked_text(text, "text");
    const std::string words = mime_fast::joined_words(generator->generator.tokenizer(), checked);
    mime_fast::copy_text(words, buffer, capacity, length);
  });
}

mime_fast_status mime_fast_detokenize(const char* words, char* buffer, size_t capacity,
                                      size_t* length) {
  return guarded([&] {
    const std::string_view checked = mime_fast::checked_text(words, "words");
    const std::string text =
        mime_fast::detokenize(mime_fast::split(checked), mime_fast::unicode_lexicon());
    mime_fast::copy_text(text, buffer, capacity, length);
  });
}
