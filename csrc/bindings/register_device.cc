#include <pybind11/numpy.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <filesystem>
#include <string>
#include <vector>

#include "bindings/device_tensor.h"
#include "bindings/gil.h"
#include "bindings/register.h"
#include "engine/load_drafts.h"
#include "sampling/check.h"
#include "search/device_search.h"

namespace py = pybind11;

namespace mime_fast {
namespace {

constexpr const char* kSampleDoc = R"(Draw the next word of every active row, and append it.

Args:
    rows: a SampleRows of mime_fast.engines.cuda.rows.
    stream: the CUDA stream's handle; the call does not wait. 0 for tensors of the CPU.

Raises:
    TypeError: a tensor is of another type, or not contiguous.
    ValueError: the shapes do not fit, or the tensors are not on one device.
    RuntimeError: the launch failed, or the package was built without CUDA.
)";

constexpr const char* kDraftDoc = R"(Append the words that drafts were right about, and draft more.

Args:
    rows: a DraftRows of mime_fast.engines.cuda.rows.
    least: how likely all drafts of a reply together must be to be right.
    stream: as in sample_step.

Raises: as sample_step.
)";

constexpr const char* kBucketsDoc =
    R"(Read a draft table as the hash buckets that draft_step searches.

Args:
    path: of drafts.safetensors.
    vocab: how many words there are.

Returns:
    hashes int64, words int32 and confidences float32, each (buckets,).

Raises:
    CheckpointError: it is no draft table, or holds words that are not in the vocabulary.
)";

constexpr const char* kBeamStepDoc = R"(Make one step of every beam search that is not over.

Args:
    rows: a BeamRows of mime_fast.engines.cuda.rows.
    stream: as in sample_step.

Raises: as sample_step.
)";

// Reads the fields of one argument, all on one device.
class Fields {
 public:
  explicit Fields(py::handle owner) : owner_(owner) {}

  // Reads a tensor of that shape; -1: any size.
  template <typename T>
  T* read(const char* name, const char* dtype, const std::vector<std::int64_t>& shape) {
    const DeviceTensor tensor = to_device_tensor(owner_, name, dtype, shape.size());
    for (std::size_t i = 0; i < shape.size(); ++i) {
      const std::string rule = std::string(name) + " must have the size " + to_text(shape[i]) +
                               " in dimension " + std::to_string(i);
      require(shape[i] < 0 || tensor.shape[i] == shape[i], rule.c_str(), tensor.shape[i]);
    }
    if (count_++ == 0) on_gpu_ = tensor.on_gpu;
    const std::string device =
        std::string("all tensors must be on one device; on the GPU: ") + name;
    require(tensor.on_gpu == on_gpu_, device.c_str(), std::int64_t{tensor.on_gpu});
    shape_ = tensor.shape;
    return static_cast<T*>(tensor.data);
  }

  // The extent of the tensor that was read last.
  std::int64_t size(std::size_t dimension) const { return shape_[dimension]; }

  bool on_gpu() const { return on_gpu_; }

 private:
  py::handle owner_;
  std::vector<std::int64_t> shape_;
  int count_ = 0;
  bool on_gpu_ = false;
};

DeviceReplies read_replies(Fields& fields) {
  DeviceReplies replies{};
  replies.generated = fields.read<std::int32_t>("generated", "int32", {-1, -1});
  replies.rows = fields.size(0);
  replies.steps = fields.size(1) - 1;
  replies.positions = fields.read<std::int32_t>("positions", "int32", {replies.rows});
  replies.limits = fields.read<std::int32_t>("limits", "int32", {replies.rows, 3});
  return replies;
}

DeviceBest read_best(Fields& fields, std::int64_t rows) {
  DeviceBest best{};
  best.words = fields.read<std::int32_t>("words", "int32", {rows, -1});
  best.kept = fields.size(1);
  best.logits = fields.read<float>("best_logits", "float32", {rows, best.kept});
  best.log_partitions = fields.read<float>("log_partitions", "float32", {rows});
  return best;
}

template <typename Arguments>
void make_step(const Fields& fields, const Arguments& rows, std::uintptr_t stream,
               void (*on_cpu)(const Arguments&), void (*on_gpu)(const Arguments&, void*)) {
  const WithoutGil release;
  if (fields.on_gpu()) {
    on_gpu(rows, reinterpret_cast<void*>(stream));
  } else {
    on_cpu(rows);
  }
}

void sample_step(py::handle owner, std::uintptr_t stream) {
  Fields fields(owner);
  SampleRows rows{};
  rows.replies = read_replies(fields);
  const std::int64_t count = rows.replies.rows;
  rows.best = read_best(fields, count);
  rows.logits = fields.read<float>("logits", "float32", {count, -1});
  rows.vocab = fields.size(1);
  rows.options = fields.read<double>("options", "float64", {count, 4});
  rows.seeds = fields.read<std::uint64_t>("seeds", "int64", {count});
  rows.streams = fields.read<std::int32_t>("streams", "int32", {count});
  rows.log_probs = fields.read<float>("log_probs", "float32", {count, rows.replies.steps});
  make_step(fields, rows, stream, &cpu::sample_step, &cuda::sample_step);
}

void draft_step(py::handle owner, float least, std::uintptr_t stream) {
  Fields fields(owner);
  DraftRows rows{};
  rows.replies = read_replies(fields);
  const std::int64_t count = rows.replies.rows;
  rows.best = read_best(fields, count);
  rows.kv_positions =
      fields.read<std::int32_t>("kv_positions", "int32", {count, rows.replies.steps});
  rows.log_probs = fields.read<float>("log_probs", "float32", {count, rows.replies.steps});
  rows.table.hashes = fields.read<std::uint64_t>("hashes", "int64", {-1});
  const std::int64_t buckets = fields.size(0);
  rows.table.words = fields.read<std::int32_t>("draft_words", "int32", {buckets});
  rows.table.confidences = fields.read<float>("confidences", "float32", {buckets});
  rows.table.mask = static_cast<std::uint64_t>(buckets) - 1;
  rows.least = least;
  rows.width = 1 + kMaxDrafts;
  rows.groups = count / rows.width;
  require(buckets > 0 && (buckets & (buckets - 1)) == 0,
          "the hash table must have a power of two buckets", buckets);
  require(count == rows.groups * rows.width, "rows must be a multiple of 8", count);
  make_step(fields, rows, stream, &cpu::draft_step, &cuda::draft_step);
}

// Returns the buckets of a checkpoint's draft table, for a device: hashes, words, confidences.
py::tuple load_draft_buckets(const std::filesystem::path& path, std::int64_t vocab) {
  const DraftTable table = load_drafts(path.string(), vocab);
  const DraftBuckets buckets = table.buckets();
  const auto size = static_cast<py::ssize_t>(table.size());
  return py::make_tuple(
      py::array_t<std::int64_t>(size, reinterpret_cast<const std::int64_t*>(buckets.hashes)),
      py::array_t<std::int32_t>(size, buckets.words),
      py::array_t<float>(size, buckets.confidences));
}

void beam_step(py::handle owner, std::uintptr_t stream) {
  Fields fields(owner);
  BeamRows rows{};
  rows.replies = read_replies(fields);
  const std::int64_t count = rows.replies.rows;
  rows.best = read_best(fields, count);
  rows.kv_positions =
      fields.read<std::int32_t>("kv_positions", "int32", {count, rows.replies.steps});
  rows.counts = fields.read<std::int32_t>("counts", "int32", {-1, 3});
  rows.requests = fields.size(0);
  rows.nodes = fields.read<std::int32_t>("nodes", "int32", {count});
  rows.totals = fields.read<double>("totals", "float64", {count});
  rows.parents = fields.read<std::int32_t>("tree_parents", "int32", {rows.requests, -1});
  rows.tree = fields.size(1);
  rows.words = fields.read<std::int32_t>("tree_words", "int32", {rows.requests, rows.tree});
  rows.log_probs = fields.read<double>("tree_log_probs", "float64", {rows.requests, rows.tree});
  rows.finished = fields.read<std::int32_t>("finished", "int32", {rows.requests, -1});
  rows.width = fields.size(1);
  rows.scores = fields.read<double>("scores", "float64", {rows.requests, rows.width});
  rows.options = fields.read<double>("options", "float64", {rows.requests, 2});
  require(rows.width >= 1 && rows.width <= kMaxBeams, "width must be in [1, 16]", rows.width);
  require(count == rows.requests * rows.width, "rows must be requests * width", count);
  require(rows.best.kept == 2 * rows.width, "words must be twice the width", rows.best.kept);
  require(rows.tree >= 1 + 2 * rows.width * rows.replies.steps,
          "the tree must have a node for each of 2 * width words a step, and a root", rows.tree);
  make_step(fields, rows, stream, &cpu::beam_step, &cuda::beam_step);
}

}  // namespace

void register_device(py::module_& module) {
  module.attr("MOST_DRAFTS") = kMaxDrafts;
  module.def("draft_step", &draft_step, py::arg("rows"), py::arg("least"), py::arg("stream") = 0,
             kDraftDoc);
  module.def("load_draft_buckets", &load_draft_buckets, py::arg("path"), py::arg("vocab"),
             kBucketsDoc);
  module.attr("has_cuda") = cuda::is_built();
  module.attr("MOST_DEVICE_BEAMS") = kMaxBeams;
  module.def("sample_step", &sample_step, py::arg("rows"), py::arg("stream") = 0, kSampleDoc);
  module.def("beam_step", &beam_step, py::arg("rows"), py::arg("stream") = 0, kBeamStepDoc);
}

}  // namespace mime_fast
