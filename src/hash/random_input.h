#pragma once
// Random input for hash's tests: a generator whose seed is printed, and taken from WEIR_TEST_SEED
// where that is set.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

#include "base/random.h"

namespace weir::hash {

class RandomInput {
  public:
    RandomInput() {
        const char* given = std::getenv("WEIR_TEST_SEED");
        const std::uint64_t seed =
            given != nullptr ? std::strtoull(given, nullptr, 10) : random_u64();
        std::cout << "WEIR_TEST_SEED=" << seed << '\n';
        generator_.seed(seed);
    }

    // From 0 to `most`, both included.
    std::size_t up_to(std::size_t most) {
        return std::uniform_int_distribution<std::size_t>(0, most)(generator_);
    }
    std::uint64_t word() { return generator_(); }
    std::string bytes(std::size_t count) {
        std::string text(count, '\0');
        for (char& c : text) c = static_cast<char>(generator_());
        return text;
    }

  private:
    std::mt19937_64 generator_;
};

}  // namespace weir::hash
