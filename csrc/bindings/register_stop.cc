#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "bindings/register.h"
#include "bindings/text_stop.h"

namespace py = pybind11;

namespace mime_fast {
namespace {

constexpr const char* kWordsDoc = R"(The words of a vocabulary, as a Detokenizer writes them.

Args:
    words: the word of each id.
    proper_nouns: words with a capital wherever they stand.
    capitals: for each letter and digit of the words its capital, or itself: by code point.
)";

constexpr const char* kPiecesDoc = R"(The pieces of a vocabulary, as a PieceDetokenizer writes them.

Args:
    pieces: the bytes of each id.
)";

constexpr const char* kStopDoc = R"(Ends a reply whose text contains a stop string.

Text that waits for the next word (a ":" may become a smiley) is not read yet. One thread at a time
may use it.

Args:
    words: what the ids of replies write.
    stop: texts, at least one, none empty.

Example:
    >>> words = ReplyWords.of_words(["so", "sorry"], set(), {ord(letter): ord(letter) for letter in "sory"})
    >>> stop = TextStop(words, ["sorry"])
    >>> stop([0]), stop([0, 1])
    (False, True)
)";

using Capitals = std::unordered_map<std::int32_t, std::int32_t>;
using WordSet = std::unordered_set<std::string>;

// What Python says of the words of a vocabulary.
class GivenLexicon final : public Lexicon {
 public:
  GivenLexicon(WordSet proper_nouns, Capitals capitals)
      : proper_nouns_(std::move(proper_nouns)), capitals_(std::move(capitals)) {}

  bool is_proper_noun(const std::string& word) const override {
    return proper_nouns_.contains(word);
  }
  bool is_letter_or_number(std::int32_t code_point) const override {
    return capitals_.contains(code_point);
  }
  std::int32_t capital_of(std::int32_t letter) const override { return capitals_.at(letter); }

 private:
  WordSet proper_nouns_;
  Capitals capitals_;  // of all letters and digits
};

// The texts that ids write.
class GivenTexts : public ReplyWords {
 public:
  explicit GivenTexts(std::vector<std::string> texts) : texts_(std::move(texts)) {}

  const std::string& word(std::int32_t id) const override {
    check_id(id, std::ssize(texts_));
    return texts_[static_cast<std::size_t>(id)];
  }

 private:
  std::vector<std::string> texts_;
};

class GivenWords final : public GivenTexts {
 public:
  GivenWords(std::vector<std::string> words, WordSet proper_nouns, Capitals capitals)
      : GivenTexts(std::move(words)), lexicon_(std::move(proper_nouns), std::move(capitals)) {}

  ReplyDetokenizer detokenizer() const override { return ReplyDetokenizer(Detokenizer(lexicon_)); }

 private:
  GivenLexicon lexicon_;
};

class GivenPieces final : public GivenTexts {
 public:
  using GivenTexts::GivenTexts;

  ReplyDetokenizer detokenizer() const override { return ReplyDetokenizer(PieceDetokenizer()); }
};

std::shared_ptr<OwningStop> new_stop(std::shared_ptr<ReplyWords> words, StopStrings stop) {
  if (stop.empty()) throw py::value_error("stop must hold at least one text");
  for (const std::string& each : stop) {
    if (each.empty()) throw py::value_error("stop must hold no empty text");
  }
  return std::make_shared<OwningStop>(std::move(words), std::move(stop));
}

}  // namespace

void register_stop(py::module_& module) {
  py::class_<ReplyWords, std::shared_ptr<ReplyWords>>(
      module, "ReplyWords", "What the ids of replies write. Any number of threads may use one.")
      .def_static(
          "of_words",
          [](std::vector<std::string> words, WordSet proper_nouns,
             Capitals capitals) -> std::shared_ptr<ReplyWords> {
            return std::make_shared<GivenWords>(std::move(words), std::move(proper_nouns),
                                                std::move(capitals));
          },
          py::arg("words"), py::arg("proper_nouns"), py::arg("capitals"), kWordsDoc)
      .def_static(
          "of_pieces",
          [](std::vector<std::string> pieces) -> std::shared_ptr<ReplyWords> {
            return std::make_shared<GivenPieces>(std::move(pieces));
          },
          py::arg("pieces"), kPiecesDoc);
  py::class_<OwningStop, std::shared_ptr<OwningStop>>(module, "TextStop", kStopDoc)
      .def(py::init(&new_stop), py::arg("words"), py::arg("stop"))
      .def("__call__", &OwningStop::ends, py::arg("tokens"),
           "Whether a reply of these ids ends with the last one.");
}

}  // namespace mime_fast
