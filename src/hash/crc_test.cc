#include "hash/crc.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <array>
#include <string>

#include "base/bytes.h"
#include "hash/crc_combine.h"
#include "hash/crc_kernels.h"
#include "hash/random_input.h"

namespace weir::hash {
namespace {

constexpr std::array crcs = {Algorithm::crc32, Algorithm::crc32c, Algorithm::crc64nvme};

// The definition, a bit at a time.
std::uint64_t bitwise_crc(unsigned width, std::uint64_t reflected, std::string_view text) {
    const std::uint64_t mask = ~std::uint64_t{0} >> (64 - width);
    std::uint64_t reg = mask;
    for (const char c : text) {
        reg ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit) reg = (reg >> 1) ^ ((reg & 1) != 0 ? reflected : 0);
    }
    return reg ^ mask;
}

std::uint64_t bitwise_crc(Algorithm algorithm, std::string_view text) {
    switch (algorithm) {
        case Algorithm::crc32:
            return bitwise_crc(32, 0xedb88320, text);
        case Algorithm::crc32c:
            return bitwise_crc(32, 0x82f63b78, text);
        default:
            return bitwise_crc(64, 0x9a6c9329ac4bc9b5, text);
    }
}

std::uint64_t crc_of(Algorithm algorithm, std::string_view text) {
    return crc(algorithm, 0, as_bytes(text));
}

// The checks of https://reveng.sourceforge.io/crc-catalogue/all.htm, CRC-32/ISCSI's also in RFC
// 3720 B.4, and CRC-64/NVME's also in the NVM Command Set Specification 5.2.1.3.4.
TEST(Crc, HasThePublishedValues) {
    const std::span<const std::byte> nine = as_bytes("123456789");
    EXPECT_EQ(crc32(0, nine), 0xcbf43926u);
    EXPECT_EQ(crc32c(0, nine), 0xe3069283u);
    EXPECT_EQ(crc64nvme(0, nine), 0xae8b14860a799888u);

    EXPECT_EQ(crc32c(0, as_bytes(std::string(32, '\0'))), 0x8a9136aau);
    EXPECT_EQ(crc32c(0, as_bytes(std::string(32, '\xff'))), 0x62a8ab43u);
    EXPECT_EQ(crc64nvme(0, as_bytes(std::string(4096, '\0'))), 0x6482d367eb22b64eu);
    EXPECT_EQ(crc64nvme(0, as_bytes(std::string(4096, '\xff'))), 0xc0ddba7302eca3acu);
}

TEST(Crc, OfNothingIsZero) {
    for (const Algorithm algorithm : crcs) EXPECT_EQ(crc_of(algorithm, ""), 0u);
}

TEST(Crc, IsTheDefinitionAtEachShortLength) {
    RandomInput random;
    const std::string text = random.bytes(1200);
    for (const Algorithm algorithm : crcs) {
        for (std::size_t size = 0; size <= text.size(); ++size) {
            const std::string_view prefix = std::string_view(text).substr(0, size);
            ASSERT_EQ(crc_of(algorithm, prefix), bitwise_crc(algorithm, prefix)) << size;
        }
    }
}

TEST(Crc, AgreesWithZlibOnCrc32) {
    RandomInput random;
    for (int round = 0; round < 50; ++round) {
        const std::string text = random.bytes(random.up_to(100'000));
        const auto* data = reinterpret_cast<const Bytef*>(text.data());
        ASSERT_EQ(crc32(0, as_bytes(text)), ::crc32_z(0, data, text.size())) << text.size();
    }
}

TEST(Crc, GoesOnWhereItStopped) {
    RandomInput random;
    for (int round = 0; round < 200; ++round) {
        const std::string text = random.bytes(random.up_to(5000));
        const std::size_t middle = random.up_to(text.size());
        const std::span<const std::byte> bytes = as_bytes(text);
        for (const Algorithm algorithm : crcs) {
            const std::uint64_t before = crc(algorithm, 0, bytes.first(middle));
            ASSERT_EQ(crc(algorithm, before, bytes.subspan(middle)), crc_of(algorithm, text))
                << middle << " of " << text.size();
        }
    }
}

TEST(CrcKernels, EndWithThePortableOne) {
    EXPECT_EQ(crc_kernels().back().name, "portable");
    for (const CrcKernel& kernel : crc_kernels()) std::cout << "kernel " << kernel.name << '\n';
}

TEST(CrcKernels, AgreeWhateverTheOffsetLengthAndRegister) {
    RandomInput random;
    const std::string text = random.bytes(20'000);
    for (int round = 0; round < 4000; ++round) {
        const std::size_t offset = random.up_to(200);
        // Mostly short, where the edges between the loops are.
        const std::size_t size = random.up_to(round % 4 == 0 ? text.size() - offset : 1100);
        const std::span<const std::byte> bytes = as_bytes(text).subspan(offset, size);
        for (const Algorithm algorithm : crcs) {
            const CrcPolynomial& polynomial = crc_polynomial(algorithm);
            const std::uint64_t reg = random.word() & polynomial.mask;
            const std::uint64_t expected = run_crc_portable(polynomial, reg, bytes);
            for (const CrcKernel& kernel : crc_kernels()) {
                ASSERT_EQ(kernel.run(polynomial, reg, bytes), expected)
                    << kernel.name << ' ' << info(algorithm).name << " at " << offset << ", "
                    << size << " bytes";
            }
        }
    }
}

TEST(CrcKernels, AreEachTheDefinition) {
    RandomInput random;
    for (int round = 0; round < 30; ++round) {
        const std::string text = random.bytes(random.up_to(3000));
        for (const Algorithm algorithm : crcs) {
            const CrcPolynomial& polynomial = crc_polynomial(algorithm);
            for (const CrcKernel& kernel : crc_kernels()) {
                const std::uint64_t reg = kernel.run(polynomial, polynomial.mask, as_bytes(text));
                ASSERT_EQ(reg ^ polynomial.mask, bitwise_crc(algorithm, text)) << kernel.name;
            }
        }
    }
}

TEST(CrcCombine, IsTheCrcOfBothTogether) {
    RandomInput random;
    for (int round = 0; round < 300; ++round) {
        const std::string a = random.bytes(random.up_to(3000));
        const std::string b = random.bytes(random.up_to(round % 3 == 0 ? 3 : 3000));
        for (const Algorithm algorithm : crcs) {
            ASSERT_EQ(combine(algorithm, crc_of(algorithm, a), crc_of(algorithm, b), b.size()),
                      crc_of(algorithm, a + b))
                << info(algorithm).name << ' ' << a.size() << " + " << b.size();
        }
    }
}

TEST(CrcCombine, AgreesWithZlibOnLengthsPastMemory) {
    RandomInput random;
    for (int round = 0; round < 200; ++round) {
        const std::uint64_t b_bytes = random.word() >> (1 + random.up_to(62));
        const auto a = static_cast<std::uint32_t>(random.word());
        const auto b = static_cast<std::uint32_t>(random.word());
        ASSERT_EQ(combine(Algorithm::crc32, a, b, b_bytes),
                  ::crc32_combine64(a, b, static_cast<z_off64_t>(b_bytes)))
            << b_bytes;
    }
}

TEST(CrcCombine, IsAssociativeOnLengthsPastMemory) {
    RandomInput random;
    for (int round = 0; round < 200; ++round) {
        const std::uint64_t b_bytes = random.word() >> (2 + random.up_to(60));
        const std::uint64_t c_bytes = random.word() >> (2 + random.up_to(60));
        for (const Algorithm algorithm : crcs) {
            const std::uint64_t mask = crc_polynomial(algorithm).mask;
            const std::uint64_t a = random.word() & mask;
            const std::uint64_t b = random.word() & mask;
            const std::uint64_t c = random.word() & mask;
            const std::uint64_t left =
                combine(algorithm, combine(algorithm, a, b, b_bytes), c, c_bytes);
            const std::uint64_t right =
                combine(algorithm, a, combine(algorithm, b, c, c_bytes), b_bytes + c_bytes);
            ASSERT_EQ(left, right) << b_bytes << ' ' << c_bytes;
        }
    }
}

}  // namespace
}  // namespace weir::hash
