// Pieces of huge pages: none overlaps another, whatever was given back before.

#include "runtime/huge_pages.h"

#include <algorithm>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"
#include "random_floats.h"

namespace mime_fast::test {
namespace {

// Memory that holds its own number everywhere.
struct Piece {
  Piece(std::size_t bytes, std::uint8_t number) : count(bytes), value(number) {
    data = static_cast<std::uint8_t*>(HugePages::take(bytes));
    std::fill_n(data, count, value);
  }
  bool is_whole() const {
    return std::all_of(data, data + count, [&](std::uint8_t byte) { return byte == value; });
  }

  std::size_t count;
  std::uint8_t value;
  std::uint8_t* data;
};

// Mostly of a layer's sizes, at times of a vocabulary's.
std::size_t random_bytes(Random& random) {
  const std::int64_t most = random.one_in(20) ? 20'000'000 : random.one_in(2) ? 900'000 : 300;
  return static_cast<std::size_t>(random.integer(1, most));
}

// Threads number their pieces differently.
void test_pieces(std::uint64_t seed) {
  Random random(seed);
  auto number = static_cast<std::uint8_t>(85 * seed);
  std::vector<Piece> pieces;
  for (int i = 0; i < cases(300); ++i) {
    if (!pieces.empty() && random.one_in(2)) {
      const auto last = static_cast<std::int64_t>(pieces.size()) - 1;
      std::swap(pieces[static_cast<std::size_t>(random.integer(0, last))], pieces.back());
      CHECK(pieces.back().is_whole());
      HugePages::give(pieces.back().data);
      pieces.pop_back();
    } else {
      pieces.emplace_back(random_bytes(random), number++);
      CHECK(reinterpret_cast<std::uintptr_t>(pieces.back().data) % 64 == 0);
    }
  }
  for (const Piece& piece : pieces) {
    CHECK(piece.is_whole());
    HugePages::give(piece.data);
  }
}

void test_threads() {
  std::vector<std::thread> threads;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) threads.emplace_back(test_pieces, seed);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace mime_fast::test

int main() {
  mime_fast::test::test_pieces(0);
  mime_fast::test::test_threads();
  return mime_fast::test::status();
}
