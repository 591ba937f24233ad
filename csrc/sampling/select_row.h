#pragma once

#include <cmath>
#include <cstdint>

#include "mime_fast/select_tokens.h"
#include "sampling/device.h"

// Draws from a row without sorting it: how a GPU selects tokens. Words are weighed in whole
// numbers, whose sum is the same in any order, so that the threads of a block may add as they come
// and a seed repeats its reply.
namespace mime_fast {

constexpr int kDigitBits = 8;
constexpr int kBuckets = 1 << kDigitBits;

// Shared by the threads of a row.
struct SelectWorkspace {
  std::uint64_t buckets[kBuckets];
  std::uint64_t sum;
  Place place;
};

// The word, from the best one down, at which the sum of weights exceeds a target.
struct Crossing {
  Place place;
  std::uint64_t before;  // the sum of all better words
};

// weight  // (logit, place) -> what the word weighs
template <typename Threads, typename Weight>
MIME_FAST_DEVICE std::uint64_t sum_weights(const Threads& threads, const float* row,
                                           std::int64_t vocab, const Weight& weight,
                                           SelectWorkspace& work) {
  threads.wait();
  if (threads.index() == 0) work.sum = 0;
  threads.wait();
  std::uint64_t own = 0;
  for (std::int64_t id = threads.index(); id < vocab; id += threads.count()) {
    own += weight(row[id], place_of(row[id], id));
  }
  if (own != 0) Threads::add(work.sum, own);
  threads.wait();
  return work.sum;
}

// weight  // as in sum_weights; the sum is greater than the target
template <typename Threads, typename Weight>
MIME_FAST_DEVICE Crossing find_crossing(const Threads& threads, const float* row,
                                        std::int64_t vocab, const Weight& weight,
                                        std::uint64_t target, SelectWorkspace& work) {
  Crossing found{0, 0};
  // The place is found digit by digit, from the highest on.
  for (int shift = 64 - kDigitBits; shift >= 0; shift -= kDigitBits) {
    threads.wait();
    for (std::int64_t i = threads.index(); i < kBuckets; i += threads.count()) work.buckets[i] = 0;
    threads.wait();
    for (std::int64_t id = threads.index(); id < vocab; id += threads.count()) {
      const Place place = place_of(row[id], id);
      const Place known = shift + kDigitBits < 64 ? place >> (shift + kDigitBits) : 0;
      if (known != found.place) continue;
      const std::uint64_t own = weight(row[id], place);
      if (own != 0) Threads::add(work.buckets[place >> shift & (kBuckets - 1)], own);
    }
    threads.wait();
    if (threads.index() == 0) {
      std::uint64_t before = found.before;
      int digit = kBuckets - 1;
      for (; digit > 0 && before + work.buckets[digit] <= target; --digit) {
        before += work.buckets[digit];
      }
      work.place = found.place << kDigitBits | static_cast<Place>(digit);
      work.sum = before;
    }
    threads.wait();
    found = {work.place, work.sum};
  }
  return found;
}

// The place of the word that k others are better than.
template <typename Threads>
MIME_FAST_DEVICE Place find_rank(const Threads& threads, const float* row, std::int64_t vocab,
                                 std::int64_t k, SelectWorkspace& work) {
  const auto one = [](float, Place) { return std::uint64_t{1}; };
  return find_crossing(threads, row, vocab, one, static_cast<std::uint64_t>(k), work).place;
}

// The best word weighs 2^bits: as much as lets the sum of all fit into 63 bits.
MIME_FAST_DEVICE inline int weight_bits(std::int64_t vocab) {
  int bits = 62;
  for (; vocab > 1; vocab = (vocab + 1) / 2) --bits;
  return bits < 52 ? bits : 52;
}

// The token of a row, see mime_fast/select_tokens.h; the row has been checked. Weights are rounded
// to 2^-47 of the best one's (23,700 words), which decides only where the uniform lies that close
// to the edge of a word.
//   max  // the largest logit, finite
template <typename Threads>
MIME_FAST_DEVICE std::int64_t select_token(const Threads& threads, const float* row,
                                           std::int64_t vocab, double max, double uniform,
                                           const SamplingOptions& options, SelectWorkspace& work) {
  const double unit = ldexp(1.0, weight_bits(vocab));
  const auto share = [&](float logit) { return exp((double{logit} - max) / options.temperature); };

  Place least = 0;  // what top_k and top_p leave
  if (options.top_k > 0 && options.top_k < vocab) {
    least = find_rank(threads, row, vocab, options.top_k - 1, work);
  }
  const auto kept = [&](float logit, Place place) {
    return place < least ? 0 : static_cast<std::uint64_t>(share(logit) * unit + 0.5);
  };
  if (options.top_p < 1) {
    const auto total = static_cast<double>(sum_weights(threads, row, vocab, kept, work));
    // Beyond 2^53 a double has no place for the one that is subtracted.
    const auto bound = static_cast<std::uint64_t>(ceil(options.top_p * total));
    least = find_crossing(threads, row, vocab, kept, bound > 0 ? bound - 1 : 0, work).place;
  }
  const auto possible = [&](float logit, Place place) {
    return share(logit) < options.min_p ? 0 : kept(logit, place);
  };
  const std::uint64_t total = sum_weights(threads, row, vocab, possible, work);
  const auto drawn = static_cast<std::uint64_t>(uniform * static_cast<double>(total));
  const std::uint64_t target = drawn < total ? drawn : total - 1;
  return id_of(find_crossing(threads, row, vocab, possible, target, work).place);
}

}  // namespace mime_fast
