#include "bindings/options.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <string>

#include "bindings/arguments.h"
#include "bindings/python_stop.h"
#include "bindings/text_stop.h"
#include "models/systems.h"

namespace py = pybind11;

namespace mime_fast {
namespace {

EarlyStopping to_early_stopping(py::handle value) {
  if (py::isinstance<py::str>(value)) {
    const auto name = value.cast<std::string>();
    if (name == "never") return EarlyStopping::never;
    throw py::value_error("early_stopping must be true, false or 'never', got '" + name + "'");
  }
  return value.cast<bool>() ? EarlyStopping::yes : EarlyStopping::no;
}

// Reads attributes of a Python object.
struct Fields {
  py::handle object;

  std::int64_t size(const char* name) const { return to_size(object.attr(name), name); }

  void read(const char* name, std::int64_t& option) const { option = size(name); }
  void read(const char* name, double& option) const { option = object.attr(name).cast<double>(); }
  void read(const char* name, bool& option) const { option = object.attr(name).cast<bool>(); }
  void read(const char* name, EarlyStopping& option) const {
    option = to_early_stopping(object.attr(name));
  }
};

void read_rules(py::handle rules, GenerationOptions& options) {
  if (rules.is_none()) return;
  options.bad_words = rules.attr("bad_words").cast<std::vector<TokenIds>>();
  const py::object stop = rules.attr("stop");
  if (stop.is_none()) return;
  if (py::isinstance<OwningStop>(stop)) {
    options.stop = stop.cast<std::shared_ptr<OwningStop>>();
  } else {
    options.stop = std::make_shared<PythonStop>(stop);
  }
}

// Sets options to the attributes of these names.
class ReadFields final : public OptionVisitor {
 public:
  explicit ReadFields(py::handle config) : fields_{config} {}

  void number(const char* name, std::int64_t& option, OptionRange) override {
    fields_.read(name, option);
  }
  void flag(const char* name, bool& option) override { fields_.read(name, option); }

 private:
  Fields fields_;
};

}  // namespace

GenerationOptions to_options(py::handle config, py::handle rules) {
  const Fields fields{config};
  GenerationOptions options;
  options.visit([&](const char* name, auto& option) { fields.read(name, option); });
  options.ranked_samples = std::max(fields.size("mbr_samples"), fields.size("best_of"));
  read_rules(rules, options);
  return options;
}

ModelConfig to_model_config(py::handle config) {
  ModelConfig result;
  result.architecture = py::str(config.attr("architecture")).cast<std::string>();
  ReadFields fields(config);
  result.visit(fields);
  find_system(result.architecture).visit_options(result, fields);
  return result;
}

}  // namespace mime_fast
