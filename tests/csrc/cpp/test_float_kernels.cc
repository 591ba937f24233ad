// The kernels of the layers: each table against a naive twin, and bit for bit against the scalar
// one.

#include <algorithm>
#include <cstddef>

#include "check.h"
#include "each_isa.h"
#include "random_floats.h"

namespace mime_fast::test {
namespace {

using cpu::kLanes;
using Floats = std::vector<float>;

bool is_close(float found, double expected, double tolerance) {
  return std::abs(static_cast<double>(found) - expected) <= tolerance;
}

std::int64_t padded(std::int64_t count) { return cpu::round_up(count, kLanes); }

// ---------------------------------------------------------------------------- matmul

struct ProductCase {
  cpu::Product shape{};
  Floats x, w, bias, y;

  explicit ProductCase(Random& random) {
    const Kind kind = random.one_in(3) ? random.pick(kKinds) : Kind::normal;
    shape.rows = random.integer(1, 13);
    shape.inner = random.one_in(4) ? random.integer(1, 700) : random.integer(1, 60);
    shape.panels = random.one_in(4) ? random.integer(1, 20) : random.integer(1, 9);
    const std::int64_t columns = shape.panels * kLanes;
    // Rows of x may lie apart, touch, or overlap as the windows of a convolution do.
    shape.x_stride = random.one_in(3) ? random.integer(0, shape.inner) : shape.inner + 5;
    const bool packed = random.one_in(2);
    shape.w_stride = packed ? kLanes : columns + random.integer(0, 20);
    shape.panel_stride = packed ? shape.inner * kLanes + random.integer(0, 8) : kLanes;
    shape.y_stride = columns + random.integer(0, 20);
    shape.relu = random.one_in(2);
    shape.add = random.one_in(2);
    x = random.floats((shape.rows - 1) * shape.x_stride + shape.inner, kind);
    w = random.floats(
        (shape.inner - 1) * shape.w_stride + (shape.panels - 1) * shape.panel_stride + kLanes,
        kind);
    y = random.floats((shape.rows - 1) * shape.y_stride + columns, kind);
    if (!random.one_in(4)) bias = random.floats(columns, kind);
  }

  cpu::Product on(Floats& out) const {
    cpu::Product product = shape;
    product.x = x.data();
    product.w = w.data();
    product.bias = bias.empty() ? nullptr : bias.data();
    product.y = out.data();
    return product;
  }

  // One multiply-add after the other, as kernels.h promises: bit for bit.
  Floats naive() const {
    Floats out = y;
    const cpu::Product p = on(out);
    for (std::int64_t row = 0; row < p.rows; ++row) {
      for (std::int64_t column = 0; column < p.panels * kLanes; ++column) {
        const float* weights = p.w + column / kLanes * p.panel_stride + column % kLanes;
        float sum = p.bias == nullptr ? 0.0F : p.bias[column];
        for (std::int64_t k = 0; k < p.inner; ++k) {
          sum = std::fma(p.x[row * p.x_stride + k], weights[k * p.w_stride], sum);
        }
        if (p.relu) sum = sum > 0 ? sum : 0.0F;
        float& result = p.y[row * p.y_stride + column];
        result = p.add ? result + sum : sum;
      }
    }
    return out;
  }
};

void test_matmul(const Table& table, Random& random) {
  for (int i = 0; i < 150; ++i) {
    const ProductCase product(random);
    const Floats expected = product.naive();
    Floats found = product.y;
    table.fast.matmul(product.on(found));
    CHECK(same(found, expected));
    // A row alone.
    Floats alone = product.y;
    cpu::Product one = product.on(alone);
    const std::int64_t row = random.integer(0, one.rows - 1);
    one.rows = 1;
    one.x += row * one.x_stride;
    one.y += row * one.y_stride;
    table.fast.matmul(one);
    for (std::int64_t c = 0; c < one.panels * kLanes; ++c) {
      CHECK(same(one.y[c], found[static_cast<std::size_t>(row * one.y_stride + c)]));
    }
  }
}

// ---------------------------------------------------------------------------- layer norm

void check_layer_norm(const Floats& x, std::int64_t dim, const Floats& gamma, const Floats& beta,
                      const Floats& found) {
  double mean = 0, squares = 0, largest = 0;
  const auto at = [](const Floats& values, std::int64_t i) {
    return static_cast<double>(values[static_cast<std::size_t>(i)]);
  };
  for (std::int64_t i = 0; i < dim; ++i) mean += at(x, i) / static_cast<double>(dim);
  for (std::int64_t i = 0; i < dim; ++i) {
    squares += (at(x, i) - mean) * (at(x, i) - mean);
    largest = std::max(largest, std::abs(at(x, i)));
  }
  const double deviation = std::sqrt(squares / static_cast<double>(dim - 1)) + 1e-6;
  for (std::int64_t i = 0; i < dim; ++i) {
    const double expected = (at(x, i) - mean) / deviation * at(gamma, i) + at(beta, i);
    const double size = largest / deviation * std::abs(at(gamma, i)) + std::abs(at(beta, i)) + 1;
    CHECK(is_close(found[static_cast<std::size_t>(i)], expected, 4e-6 * size));
  }
  for (std::size_t i = static_cast<std::size_t>(dim); i < found.size(); ++i) CHECK(found[i] == 0);
}

void test_layer_norm(const Table& table, Random& random) {
  for (int i = 0; i < 300; ++i) {
    const Kind kind = random.pick(kKinds);
    const std::int64_t dim = random.integer(2, random.one_in(3) ? 700 : 70);
    const Floats x = random.floats(dim, kind, padded(dim));
    const Floats gamma = random.floats(dim, Kind::normal, padded(dim));
    const Floats beta = random.floats(dim, Kind::normal, padded(dim));
    Floats found(x.size(), 7.0F), scalar(x.size(), 8.0F);
    table.fast.layer_norm(x.data(), dim, gamma.data(), beta.data(), found.data());
    table.scalar.layer_norm(x.data(), dim, gamma.data(), beta.data(), scalar.data());
    CHECK(same(found, scalar));
    Floats in_place = x;
    table.fast.layer_norm(in_place.data(), dim, gamma.data(), beta.data(), in_place.data());
    CHECK(same(in_place, found));
    if (kind == Kind::huge || kind == Kind::mixed) continue;  // squares are infinite
    check_layer_norm(x, dim, gamma, beta, found);
  }
}

// ---------------------------------------------------------------------------- softmax and gate

Floats random_logits(Random& random, std::int64_t count) {
  Floats row = random.floats(count, random.pick(kKinds));
  const std::int64_t share = random.pick(std::vector<std::int64_t>{1, 2, 1000});
  for (float& logit : row) {
    logit *= 10;
    if (share < 1000 && random.one_in(share)) logit = -kInfinity;
  }
  return row;
}

void test_softmax(const Table& table, Random& random) {
  for (int i = 0; i < 300; ++i) {
    const std::int64_t count = random.integer(1, random.one_in(3) ? 700 : 40);
    const Floats row = random_logits(random, count);
    Floats found = row;
    found.resize(static_cast<std::size_t>(padded(count)), 5.0F);  // what is behind has no influence
    Floats scalar = found;
    table.fast.softmax(found.data(), count);
    table.scalar.softmax(scalar.data(), count);
    CHECK(same(found, scalar));
    const float top = *std::max_element(row.begin(), row.end());
    if (!(std::abs(top) < kInfinity)) continue;  // NaN, as softmax of nothing is
    double total = 0;
    const auto weight = [&](float logit) { return std::exp(static_cast<double>(logit) - top); };
    for (const float logit : row) total += weight(logit);
    for (std::size_t k = 0; k < row.size(); ++k) {
      CHECK(is_close(found[k], weight(row[k]) / total, 2e-6));
    }
    for (std::size_t k = row.size(); k < found.size(); ++k) CHECK(found[k] == 0);
  }
}

void test_gate(const Table& table, Random& random) {
  for (int i = 0; i < 100; ++i) {
    const std::int64_t count = kLanes * random.integer(1, 20);
    const Kind kind = random.pick(kKinds);
    Floats gates = random.floats(count, kind);
    for (float& value : gates) value *= 20;
    const Floats x = random.floats(count, random.one_in(2) ? kind : Kind::normal);
    Floats found(gates.size()), scalar(gates.size());
    table.fast.gate(gates.data(), x.data(), count, found.data());
    table.scalar.gate(gates.data(), x.data(), count, scalar.data());
    CHECK(same(found, scalar));
    for (std::size_t k = 0; k < x.size(); ++k) {
      const double expected = x[k] / (1 + std::exp(-static_cast<double>(gates[k])));
      CHECK(is_close(found[k], expected, 1e-6 * std::abs(static_cast<double>(x[k])) + 1e-38));
    }
    table.fast.gate(gates.data(), x.data(), count, gates.data());  // in offset, as the model does
    CHECK(same(gates, found));
  }
}

// ---------------------------------------------------------------------------- attention

struct AttentionCase {
  cpu::CacheAttention shape{};
  Floats query, keys, values;
  std::vector<std::int32_t> kv_positions;

  AttentionCase(Random& random, Kind kind) {
    shape.heads = random.integer(1, 4);
    shape.width = random.integer(1, 40);
    shape.padded_width = padded(shape.width);
    shape.count = random.integer(1, random.one_in(4) ? 80 : 9);
    shape.kv_stride = shape.heads * shape.padded_width + kLanes * random.integer(0, 2);
    const std::int64_t packed = shape.heads * shape.width;
    query = random.floats(packed + kLanes, kind);  // what is behind belongs to others
    const std::int64_t kv_count = shape.count + random.integer(0, 5);
    keys = cache(random, kv_count, kind);
    values = cache(random, kv_count, kind);
    for (std::int64_t i = 0; i < shape.count; ++i) {
      kv_positions.push_back(static_cast<std::int32_t>(random.integer(0, kv_count - 1)));
    }
  }

  Floats cache(Random& random, std::int64_t kv_count, Kind kind) const {
    Floats result(static_cast<std::size_t>(kv_count * shape.kv_stride));
    for (std::int64_t i = 0; i < kv_count * shape.kv_stride; ++i) {
      const std::int64_t offset = i % shape.kv_stride;
      const bool inside =
          offset < shape.heads * shape.padded_width && offset % shape.padded_width < shape.width;
      if (inside) result[static_cast<std::size_t>(i)] = random.value(kind);
    }
    return result;
  }

  Floats run(const cpu::Kernels& kernels) const {
    Floats scratch(static_cast<std::size_t>(padded(shape.count)), 3.0F);
    Floats out(static_cast<std::size_t>(shape.heads * shape.width + kLanes), 9.0F);
    cpu::CacheAttention attention = shape;
    attention.query = query.data();
    attention.keys = keys.data();
    attention.values = values.data();
    attention.kv_positions = kv_positions.data();
    attention.scratch = scratch.data();
    attention.out = out.data();
    kernels.attend_cache(attention);
    out.resize(static_cast<std::size_t>(shape.heads * shape.width));  // anything may be behind
    return out;
  }

  std::vector<double> naive() const {
    std::vector<double> out(static_cast<std::size_t>(shape.heads * shape.width));
    for (std::int64_t head = 0; head < shape.heads; ++head) {
      std::vector<double> weights;
      double total = 0, top = -1e300;
      const auto element = [&](const Floats& from, std::size_t t, std::int64_t i) {
        const std::int64_t offset =
            kv_positions[t] * shape.kv_stride + head * shape.padded_width + i;
        return static_cast<double>(from[static_cast<std::size_t>(offset)]);
      };
      for (std::size_t t = 0; t < kv_positions.size(); ++t) {
        double dot = 0;
        for (std::int64_t i = 0; i < shape.width; ++i) {
          const auto offset = static_cast<std::size_t>(head * shape.width + i);
          dot += static_cast<double>(query[offset]) * element(keys, t, i);
        }
        weights.push_back(dot);
        top = std::max(top, dot);
      }
      for (double& weight : weights) total += weight = std::exp(weight - top);
      for (std::int64_t i = 0; i < shape.width; ++i) {
        double& mixed = out[static_cast<std::size_t>(head * shape.width + i)];
        for (std::size_t t = 0; t < kv_positions.size(); ++t) {
          mixed += weights[t] / total * element(values, t, i);
        }
      }
    }
    return out;
  }
};

void test_attention(const Table& table, Random& random) {
  for (int i = 0; i < 200; ++i) {
    const Kind kind = random.one_in(3) ? random.pick(kKinds) : Kind::normal;
    const AttentionCase attention(random, kind);
    const Floats found = attention.run(table.fast);
    CHECK(same(found, attention.run(table.scalar)));
    if (kind == Kind::huge || kind == Kind::mixed) continue;
    const std::vector<double> expected = attention.naive();
    for (std::size_t k = 0; k < found.size(); ++k) CHECK(is_close(found[k], expected[k], 1e-4));
  }
}

void test_table(const Table& table) {
  Random random(1);  // the same cases for all
  test_matmul(table, random);
  test_layer_norm(table, random);
  test_softmax(table, random);
  test_gate(table, random);
  test_attention(table, random);
}

}  // namespace
}  // namespace mime_fast::test

int main() {
  using namespace mime_fast;
  test::for_each_table(test::test_table);
  return test::status();
}
