#include "library/read_json.h"

#include "io/checkpoint_error.h"
#include "io/mapped_file.h"

namespace mime_fast {

JsonValue read_json_object(const std::string& path) {
  const MappedFile file(path);
  try {
    JsonValue value = parse_json({reinterpret_cast<const char*>(file.data()), file.size()});
    value.object();
    return value;
  } catch (const JsonError& error) {
    throw CheckpointError(path + ": " + error.what() + "; copy it again");
  }
}

}  // namespace mime_fast
