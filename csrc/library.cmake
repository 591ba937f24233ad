# libmime_fast: the engine with text in and text out, which C and C++ programs embed. Its two
# libraries are not needed for the extension of Python.
find_package(PkgConfig REQUIRED)
pkg_check_modules(ONIGURUMA REQUIRED IMPORTED_TARGET oniguruma)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)

# Writes the tables of mime_fast/text and csrc/text into a C++ file, as bytes.
function(mime_fast_embed_tables output)
  set(entries "")
  set(arrays "")
  set(number 0)
  while(ARGN)
    list(POP_FRONT ARGN name path)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
    file(READ ${path} hex HEX)
    string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${hex}")
    string(APPEND arrays "constexpr char kTable${number}[] = {${bytes}};\n")
    string(APPEND entries "    {\"${name}\", {kTable${number}, sizeof kTable${number}}},\n")
    math(EXPR number "${number} + 1")
  endwhile()
  file(CONFIGURE OUTPUT ${output} CONTENT [[#include "text/tables.h"

namespace mime_fast {
namespace {
@arrays@
}  // namespace

extern const Table kTables[];
extern const std::size_t kTableCount;
const Table kTables[] = {
@entries@};
const std::size_t kTableCount = @number@;

}  // namespace mime_fast
]] @ONLY)
endfunction()

set(TEXT ${PROJECT_SOURCE_DIR}/mime_fast/text)
set(TABLES ${CMAKE_CURRENT_BINARY_DIR}/tables.cc)
mime_fast_embed_tables(${TABLES}
  bert_categories.txt ${PROJECT_SOURCE_DIR}/csrc/text/bert_categories.txt
  plain_characters.json ${PROJECT_SOURCE_DIR}/csrc/text/plain_characters.json
  proper_nouns.txt ${TEXT}/proper_nouns.txt
  crisis/exceptions.txt ${TEXT}/crisis/exceptions.txt
  crisis/frequent.txt ${TEXT}/crisis/frequent.txt
  crisis/replies.txt ${TEXT}/crisis/replies.txt
  crisis/rules.txt ${TEXT}/crisis/rules.txt
  crisis/spelling.txt ${TEXT}/crisis/spelling.txt
  crisis/words.txt ${TEXT}/crisis/words.txt
  grave/careful.txt ${TEXT}/grave/careful.txt
  grave/careless.txt ${TEXT}/grave/careless.txt
  grave/cheerful.txt ${TEXT}/grave/cheerful.txt
  grave/death.txt ${TEXT}/grave/death.txt
  grave/grave.txt ${TEXT}/grave/grave.txt
  grave/harmless.txt ${TEXT}/grave/harmless.txt
  grave/patterns.txt ${TEXT}/grave/patterns.txt)

add_library(mime_fast_text STATIC EXCLUDE_FROM_ALL
  csrc/text/bert_words.cc
  csrc/text/crisis/finder.cc
  csrc/text/crisis/patterns.cc
  csrc/text/crisis/reveal.cc
  csrc/text/crisis/rules.cc
  csrc/text/crisis/speaker_turn.cc
  csrc/text/crisis/spelling.cc
  csrc/text/dialogue.cc
  csrc/text/grave/finder.cc
  csrc/text/letter_case.cc
  csrc/text/load_tokenizer.cc
  csrc/text/message.cc
  csrc/text/normalizer.cc
  csrc/text/parts.cc
  csrc/text/pieces.cc
  csrc/text/plain_characters.cc
  csrc/text/regex.cc
  csrc/text/reply_tokenizer.cc
  csrc/text/subword_tokenizer.cc
  csrc/text/tables.cc
  csrc/text/tidy.cc
  csrc/text/tokenizer.cc
  csrc/text/unicode.cc
  csrc/text/unicode_lexicon.cc
  csrc/text/word_list.cc
  csrc/text/word_pieces.cc
  ${TABLES})
target_include_directories(mime_fast_text PUBLIC csrc)
target_link_libraries(mime_fast_text PUBLIC mime_fast_core PRIVATE mime_fast_flags
  PkgConfig::ONIGURUMA PkgConfig::UTF8PROC)
# GCC 12 warns of std::string's own code in C++20: its bug 105651.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(mime_fast_text PRIVATE -Wno-restrict)
endif()

file(STRINGS ${PROJECT_SOURCE_DIR}/pyproject.toml VERSION_LINE REGEX "^version = ")
string(REGEX REPLACE ".*\"(.*)\".*" "\\1" MIME_FAST_VERSION "${VERSION_LINE}")
add_library(mime_fast SHARED
  csrc/library/boundary.cc
  csrc/library/c_generator.cc
  csrc/library/c_options.cc
  csrc/library/c_response.cc
  csrc/library/c_service.cc
  csrc/library/cpu_quota.cc
  csrc/library/default_threads.cc
  csrc/library/generator.cc
  csrc/library/logprobs.cc
  csrc/library/model_config.cc
  csrc/library/ranking.cc
  csrc/library/read_json.cc
  csrc/library/read_reply_options.cc
  csrc/library/reply_options.cc
  csrc/library/request.cc
  csrc/library/text_service.cc)
target_compile_definitions(mime_fast PRIVATE
  MIME_FAST_BUILDS_LIBRARY MIME_FAST_VERSION="${MIME_FAST_VERSION}")
target_link_libraries(mime_fast PRIVATE mime_fast_text mime_fast_flags)
# Compiled with others, as with sanitizers, they would have the same names in unnamed namespaces.
set_source_files_properties(csrc/text/message.cc csrc/text/word_pieces.cc
  PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
set(EXPORTS ${PROJECT_SOURCE_DIR}/csrc/library/exports.map)
target_link_options(mime_fast PRIVATE -Wl,--version-script=${EXPORTS})
if(NOT MIME_FAST_SANITIZE) # whose functions are in the program
  target_link_options(mime_fast PRIVATE -Wl,--no-undefined)
endif()
# The number of the C interface: it changes when a program must be compiled again.
set_target_properties(mime_fast PROPERTIES
  VERSION ${MIME_FAST_VERSION} SOVERSION 1 LINK_DEPENDS ${EXPORTS}
  LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}) # not where the extension goes

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
target_include_directories(mime_fast INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/csrc/include>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
set(CONFIG_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/mime_fast)
set(MIME_FAST_CHECKPOINT ${CMAKE_INSTALL_DATADIR}/mime_fast/mime-small)
configure_package_config_file(csrc/library/mime_fastConfig.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/mime_fastConfig.cmake INSTALL_DESTINATION ${CONFIG_FOLDER}
  PATH_VARS MIME_FAST_CHECKPOINT)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/mime_fastConfigVersion.cmake
  VERSION ${MIME_FAST_VERSION} COMPATIBILITY SameMinorVersion)
file(RELATIVE_PATH PC_TO_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(csrc/library/mime_fast.pc.in mime_fast.pc @ONLY)
install(TARGETS mime_fast EXPORT mime_fastTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  COMPONENT library)
install(EXPORT mime_fastTargets NAMESPACE mime_fast:: DESTINATION ${CONFIG_FOLDER}
  COMPONENT library)
set(HEADERS mime_fast.h mime_fast.hpp options.hpp response.hpp service.hpp visit_options.hpp)
list(TRANSFORM HEADERS PREPEND csrc/include/mime_fast/)
install(FILES ${HEADERS} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/mime_fast COMPONENT library)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/mime_fastConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/mime_fastConfigVersion.cmake DESTINATION ${CONFIG_FOLDER}
  COMPONENT library)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/mime_fast.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT library)
install(DIRECTORY mime_fast/pretrained/mime-small
  DESTINATION ${CMAKE_INSTALL_DATADIR}/mime_fast COMPONENT library)
install(FILES mime_fast/pretrained/LICENSE
  DESTINATION ${CMAKE_INSTALL_DATADIR}/mime_fast COMPONENT library)
