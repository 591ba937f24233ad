// Products of int8 weights with rows in fixed point: each table, alone and in threads, against a
// naive twin, bit for bit.

#include <algorithm>
#include <cstddef>

#include "check.h"
#include "each_isa.h"
#include "io/checkpoint_error.h"
#include "layers/int8_matrix.h"
#include "random_floats.h"

namespace mime_fast::test {
namespace {

using cpu::kLanes;
using Floats = std::vector<float>;
using Then = Int8Matrix::Then;

constexpr Then kThens[] = {Then::store, Then::relu, Then::add};

std::size_t place(std::int64_t index) { return static_cast<std::size_t>(index); }

struct ProductCase {
  std::int64_t rows, inner, outputs, x_stride, y_stride;
  Then then;
  Int8Weights weights;
  Floats x, y, bias;

  explicit ProductCase(Random& random, std::int64_t most_rows = 40) {
    const Kind kind = random.one_in(3) ? random.pick(kKinds) : Kind::normal;
    rows = random.one_in(3) ? 1 : random.integer(1, most_rows);
    inner = random.one_in(4) ? random.integer(1, 700) : random.integer(1, 70);
    outputs = random.one_in(4) ? random.integer(1, 400) : random.integer(1, 70);
    x_stride = inner + random.integer(0, 20);
    y_stride = cpu::round_up(outputs, kLanes) + random.integer(0, 20);
    then = random.pick(kThens);
    weights = {.rows = outputs, .columns = inner, .values = {}, .scale = {}};
    for (std::int64_t i = 0; i < outputs * inner; ++i) {
      weights.values.push_back(static_cast<std::int8_t>(random.integer(-128, 127)));
    }
    weights.scale = random.floats(outputs, kind);
    // A row may be followed by other values, which must not matter.
    x = random.floats(rows * x_stride + kLanes, kind);
    constexpr float kSpoiled[] = {std::numeric_limits<float>::quiet_NaN(), kInfinity, -kInfinity};
    if (random.one_in(5)) x[place(random.integer(0, rows * x_stride - 1))] = random.pick(kSpoiled);
    y = random.floats(rows * y_stride, kind);
    bias = random.floats(outputs, kind);
  }

  Int8Matrix matrix() const {
    Int8Matrix result(inner, outputs);
    result.set(weights, 0, 0);
    result.set_bias(bias.data(), outputs, 0);
    return result;
  }

  Floats run(const cpu::Kernels& kernels, Team& team) const {
    Floats out = y;
    const Int8Matrix packed = matrix();
    packed.apply(kernels, team, {x.data(), rows, x_stride}, {out.data(), rows, y_stride}, then);
    return out;
  }

  // As kernels.h defines the product: an exact sum, rounded once.
  float naive(std::int64_t row, std::int64_t output) const {
    const float* const own = x.data() + row * x_stride;
    float largest = 0;
    for (std::int64_t k = 0; k < inner; ++k) {
      if (!std::isfinite(own[k]))
        return after(std::numeric_limits<float>::quiet_NaN(), row, output);
      largest = std::max(largest, std::abs(own[k]));
    }
    const int power = (largest > 0 ? std::max(std::ilogb(largest), -60) : -60) - 21;
    std::int64_t sum = 0;
    for (std::int64_t k = 0; k < inner; ++k) {
      const auto whole = static_cast<std::int64_t>(std::nearbyint(std::ldexp(own[k], -power)));
      CHECK(std::abs(whole) <= cpu::kFixedLimit);
      sum += whole * weights.values[place(output * inner + k)];
    }
    return after(static_cast<float>(sum) * std::ldexp(1.0F, power), row, output);
  }

  // What follows the sum.
  float after(float value, std::int64_t row, std::int64_t output) const {
    const float result = std::fma(value, weights.scale[place(output)], bias[place(output)]);
    if (then == Then::relu) return result > 0 ? result : 0.0F;
    return then == Then::add ? y[place(row * y_stride + output)] + result : result;
  }

  void check(const Floats& found) const {
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t output = 0; output < outputs; ++output) {
        CHECK(same(found[place(row * y_stride + output)], naive(row, output)));
      }
    }
  }
};

void test_products(const Table& table) {
  Random random(1);  // the same cases for all
  ThreadPool pool(3);
  for (int i = 0; i < cases(150); ++i) {
    const ProductCase product(random);
    Team alone, team(pool);
    const Floats found = product.run(table.fast, alone);
    product.check(found);
    CHECK(same(found, product.run(table.fast, team)));
  }
}

// More rows than are converted at once.
void test_many_rows(const Table& table) {
  Random random(2);
  ProductCase product(random);
  product.rows = 1100;
  product.x = random.floats(product.rows * product.x_stride + kLanes);
  product.y = random.floats(product.rows * product.y_stride);
  Team team;
  product.check(product.run(table.fast, team));
}

// The largest sums of parts of X: products of one sign with the most inputs.
void test_largest_sums(const Table& table) {
  Random random(4);
  for (const float x : {2047.0F, -2048.0F, 4095.0F, 4194303.0F, -4194304.0F, 6144.0F}) {
    ProductCase product(random);
    product.rows = 3;
    product.inner = product.x_stride = product.weights.columns = cpu::kMaxFixedInner;
    product.outputs = product.weights.rows = 17;
    product.weights.values.assign(place(17 * product.inner), -128);
    product.x.assign(place(product.rows * product.inner + kLanes), x);
    product.x[0] = 4194303.0F;  // which decides the unit
    product.y_stride = 32;
    product.y = random.floats(product.rows * product.y_stride);
    product.weights.scale = random.floats(17);
    product.bias = random.floats(17);
    Team team;
    product.check(product.run(table.fast, team));
  }
}

// A unit of the fixed point is below a millionth of the largest value.
void test_accuracy(const Table& table) {
  Random random(3);
  for (int i = 0; i < cases(30); ++i) {
    ProductCase product(random);
    product.then = Then::store;
    product.x = random.floats(product.rows * product.x_stride + kLanes);
    product.weights.scale = random.floats(product.outputs);
    product.bias = random.floats(product.outputs);
    Team team;
    const Floats found = product.run(table.fast, team);
    for (std::int64_t output = 0; output < product.outputs; ++output) {
      double exact = 0, size = 0;
      for (std::int64_t k = 0; k < product.inner; ++k) {
        const double term = static_cast<double>(product.x[place(k)]) *
                            product.weights.values[place(output * product.inner + k)];
        exact += term;
        size += 127 * 4.8e-7 * 5;  // half a unit of a row whose values are below 5
        size += std::abs(term) * 1e-7;
      }
      const double scale = product.weights.scale[place(output)];
      const double expected = exact * scale + product.bias[place(output)];
      const double error = std::abs(found[place(output)] - expected);
      CHECK(error <= size * std::abs(scale) + std::abs(expected) * 1e-6);
    }
  }
}

void test_too_many_inputs() {
  CHECK_THROWS(CheckpointError, "8001 inputs, more than 8000",
               Int8Matrix(cpu::kMaxFixedInner + 1, 16));
}

void test_table(const Table& table) {
  test_products(table);
  test_many_rows(table);
  test_largest_sums(table);
  test_accuracy(table);
}

}  // namespace
}  // namespace mime_fast::test

int main() {
  using namespace mime_fast;
  test::for_each_table(test::test_table);
  test::test_too_many_inputs();
  return test::status();
}
