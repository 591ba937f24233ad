#include "text/load_tokenizer.h"

#include <stdexcept>

#include "io/byte_order_mark.h"
#include "io/checkpoint_error.h"
#include "io/json.h"
#include "io/mapped_file.h"
#include "text/subword_tokenizer.h"
#include "text/tokenizer.h"

namespace mime_fast {
namespace {

// 30 times the file of a 25,000-word vocabulary; more is a wrong file, or a hostile one.
constexpr std::size_t kMaxFileBytes = std::size_t{32} << 20;

std::unique_ptr<const ReplyTokenizer> read(const MappedFile& file) {
  if (file.size() > kMaxFileBytes) {
    throw std::invalid_argument(std::to_string(file.size()) + " bytes, more than " +
                                std::to_string(kMaxFileBytes));
  }
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  const JsonValue document = parse_json(without_byte_order_mark(text));
  document.object();
  const JsonValue* kind = document.find("kind");
  if (kind == nullptr) return std::make_unique<Tokenizer>(document);
  if (kind->string() == SubwordTokenizer::kKind)
    return std::make_unique<SubwordTokenizer>(document);
  throw std::invalid_argument("it is of kind " + quoted(kind->string()) +
                              ", and this library knows " + SubwordTokenizer::kKind +
                              "; use the version of mime_fast that wrote it");
}

}  // namespace

std::unique_ptr<const ReplyTokenizer> load_tokenizer(const std::string& path) {
  const MappedFile file(path);
  try {
    return read(file);
  } catch (const std::invalid_argument& error) {
    throw CheckpointError(path + " is not a mime_fast tokenizer: " + error.what() +
                          ". Copy it again from the checkpoint that it belongs to");
  }
}

}  // namespace mime_fast
