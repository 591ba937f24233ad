#include "models/projected_words.h"

#include <utility>

namespace mime_fast {

ProjectedWords::ProjectedWords(std::shared_ptr<const std::vector<float>> embedding,
                               std::int64_t vocab, Matrix projection)
    : embedding_(std::move(embedding)),
      projection_(std::move(projection)),
      rows_(std::make_unique<Row[]>(static_cast<std::size_t>(vocab))) {}

const float* ProjectedWords::row(const cpu::Kernels& kernels, std::int64_t word) const {
  std::atomic<const Buffer<float>*>& values = rows_[static_cast<std::size_t>(word)].values;
  const Buffer<float>* found = values.load(std::memory_order_acquire);
  if (found != nullptr) return found->data();
  const std::int64_t dim = projection_.inner();
  auto projected = std::make_unique<Buffer<float>>(projection_.stride());
  projection_.apply(kernels, {embedding_->data() + word * dim, 1, dim},
                    {projected->data(), 1, projection_.stride()});
  // Several threads may compute a row at once. The first one's is kept, as all are equal.
  if (values.compare_exchange_strong(found, projected.get(), std::memory_order_acq_rel)) {
    found = projected.release();
  }
  return found->data();
}

}  // namespace mime_fast
