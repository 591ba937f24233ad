#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "files.h"
#include "io/checkpoint_error.h"
#include "io/float32.h"

namespace fs = std::filesystem;
using mime_fast::CheckpointError;
using mime_fast::SafeTensors;

namespace {

fs::path make_folder() {
  std::string pattern = (fs::temp_directory_path() / "mime_fast.XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder " + pattern);
  return pattern;
}

void write(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string one_tensor() {
  const float values[2] = {1.5F, -2.0F};
  std::string data(sizeof values, '\0');
  std::memcpy(data.data(), values, sizeof values);
  const std::string member = mime_fast::test::entry("a", "F32", "[2]", "[0,8]");
  return mime_fast::test::make_file("{" + member + "}", data);
}

void reads_a_file_and_outlives_its_name(const fs::path& folder) {
  const fs::path path = folder / "model.safetensors";
  write(path, one_tensor());
  SafeTensors first(path.string());
  fs::remove(path);
  const SafeTensors moved = std::move(first);
  std::vector<float> values(2);
  copy_float32(moved.at("a"), values.data());
  CHECK((values == std::vector<float>{1.5F, -2.0F}));
  CHECK_THROWS(CheckpointError, path.string() + ": lacks the tensor \"b\"", moved.at("b"));
}

void refuses_what_is_no_readable_file(const fs::path& folder) {
  const auto open = [](const fs::path& path) { return SafeTensors(path.string()); };
  CHECK_THROWS(CheckpointError, "cannot be opened (No such file or directory); check the path",
               open(folder / "absent"));
  CHECK_THROWS(CheckpointError, folder.string() + ": is a directory; name", open(folder));
  write(folder / "empty", "");
  CHECK_THROWS(CheckpointError, "empty: is empty; copy it again", open(folder / "empty"));
  CHECK_THROWS(CheckpointError, "/dev/null: is not a regular file", open("/dev/null"));
  if (::mkfifo((folder / "pipe").c_str(), 0600) == 0) {
    CHECK_THROWS(CheckpointError, "pipe: is not a regular file", open(folder / "pipe"));
  }
  fs::create_symlink("loop", folder / "loop");
  CHECK_THROWS(CheckpointError, "cannot be opened", open(folder / "loop"));
  CHECK_THROWS(CheckpointError, "cannot be opened", open(folder / "empty" / "below"));
  write(folder / "private", one_tensor());
  fs::permissions(folder / "private", fs::perms::none);
  if (::access((folder / "private").c_str(), R_OK) != 0) {  // root may read everything
    CHECK_THROWS(CheckpointError, "cannot be opened (Permission denied)", open(folder / "private"));
  }
}

void names_the_file_that_is_damaged(const fs::path& folder) {
  const fs::path path = folder / "short.safetensors";
  const std::string whole = one_tensor();
  write(path, whole.substr(0, whole.size() - 1));
  CHECK_THROWS(
      CheckpointError,
      path.string() + " is not a whole safetensors file (tensor \"a\" has data_offsets [0, 8] in",
      SafeTensors(path.string()));
}

}  // namespace

int main() {
  const fs::path folder = make_folder();
  reads_a_file_and_outlives_its_name(folder);
  refuses_what_is_no_readable_file(folder);
  names_the_file_that_is_damaged(folder);
  fs::remove_all(folder);
  return mime_fast::test::status();
}
