#pragma once

#include <exception>
#include <iostream>
#include <string>

// The least that a test program needs: checks that print where they failed and go on, and a status.
namespace mime_fast::test {

// With a sanitizer a test takes ten times as long, with ThreadSanitizer thirty times. So it tries a
// third or a sixth of its random cases.
#if defined(__SANITIZE_THREAD__)
constexpr int kShare = 6;
#elif defined(__SANITIZE_ADDRESS__)
constexpr int kShare = 3;
#else
constexpr int kShare = 1;
#endif
constexpr bool kSanitized = kShare > 1;
template <typename Count>
constexpr Count cases(Count count) {
  return count / kShare;
}

inline int failures = 0;

inline void check(bool passed, const char* file, int line, const std::string& what) {
  if (passed) return;
  ++failures;
  std::cerr << file << ":" << line << ": failed: " << what << "\n";
}

// Runs an action that must throw an Error whose message holds the fragment.
template <typename Error, typename Action>
void check_throws(Action action, const std::string& fragment, const char* file, int line,
                  const std::string& what) {
  try {
    action();
    check(false, file, line, what + " throws nothing, expected: " + fragment);
  } catch (const Error& error) {
    const std::string message = error.what();
    check(message.find(fragment) != std::string::npos, file, line,
          what + " says: " + message + "\n  expected: " + fragment);
  } catch (const std::exception& error) {
    check(false, file, line, what + " throws another exception: " + error.what());
  }
}

// For main to return.
inline int status() {
  if (failures > 0) std::cerr << failures << " checks failed\n";
  return failures > 0 ? 1 : 0;
}

}  // namespace mime_fast::test

#define CHECK(condition) ::mime_fast::test::check((condition), __FILE__, __LINE__, #condition)

#define CHECK_THROWS(Error, fragment, ...)                                                  \
  ::mime_fast::test::check_throws<Error>([&] { static_cast<void>(__VA_ARGS__); }, fragment, \
                                         __FILE__, __LINE__, #__VA_ARGS__)
