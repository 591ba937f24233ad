#include "library/read_json.h"

#include "io/byte_order_mark.h"
#include "io/checkpoint_error.h"
#include "io/mapped_file.h"

namespace mime_fast {

JsonValue read_json_object(const std::string& path) {
  const MappedFile file(path);
  try {
    const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
    JsonValue value = parse_json(without_byte_order_mark(text));
    value.object();
    return value;
  } catch (const JsonError& error) {
    throw CheckpointError(path + ": " + error.what() + "; copy it again");
  }
}

}  // namespace mime_fast
