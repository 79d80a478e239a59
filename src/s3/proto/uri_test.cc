#include "s3/proto/uri.h"

#include <gtest/gtest.h>

#include "s3/proto/utf8.h"

namespace weir::s3 {
namespace {

using Query = std::vector<std::pair<std::string, std::string>>;
using namespace std::string_literals;

TEST(Targets, AreDecodedOnceAndNeverNormalised) {
    const Target target =
        parse_target("/b/a//../%2e/%252F+%20?prefix=a+b%2B&acl&&x=1=2&%C3%A9=").value();
    EXPECT_EQ(target.path, "/b/a//.././%2F+ ");
    EXPECT_EQ(target.query,
              (Query{{"prefix", "a b+"}, {"acl", ""}, {"x", "1=2"}, {"\xc3\xa9", ""}}));
    EXPECT_EQ(target.raw_path, "/b/a//../%2e/%252F+%20");
    EXPECT_EQ(target.raw_query, "prefix=a+b%2B&acl&&x=1=2&%C3%A9=");
}

TEST(Targets, MayBeInAbsoluteForm) {
    EXPECT_EQ(parse_target("http://localhost:9000/b/k?acl").value().path, "/b/k");
    EXPECT_EQ(parse_target("HTTPS://host").value().path, "/");
    const Target target = parse_target("http://host?acl").value();
    EXPECT_EQ(target.path, "/");
    EXPECT_EQ(target.query, (Query{{"acl", ""}}));
    EXPECT_EQ(parse_target("/http://x/").value().path, "/http://x/");
}

TEST(Targets, ThatAreNotTextAreRefused) {
    for (const std::string_view raw :
         {"/%", "/%4", "/%zz", "/%4g", "/%00", "/%ff", "/%c0%af", "/%ed%a0%80", "/%f5%80%80%80",
          "/a?%", "/a?b=%ff", "/a?b=%00", "b/k", "*", "/\xff"}) {
        const Result<Target> target = parse_target(raw);
        ASSERT_FALSE(target.has_value()) << raw;
        EXPECT_EQ(target.error().code(), Code::invalid_uri);
    }
}

// Wherever it lies in the words of eight bytes that are looked at together.
bool is_utf8_everywhere(const std::string& text, bool expected) {
    for (std::size_t before = 0; before < 17; ++before)
        for (std::size_t after = 0; after < 17; ++after)
            if (is_utf8_text(std::string(before, 'x') + text + std::string(after, '~')) != expected)
                return !expected;
    return expected;
}

TEST(Utf8, IsAcceptedAtItsEdges) {
    for (const char* text :
         {"", "a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
          "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
        EXPECT_TRUE(is_utf8_everywhere(text, true)) << text;
    for (const char* text :
         {"\x80", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe1\x80",
          "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "a\xe1\x80z"})
        EXPECT_FALSE(is_utf8_everywhere(text, false)) << text;
    EXPECT_FALSE(is_utf8_everywhere("\0"s, false));
    EXPECT_FALSE(is_utf8_everywhere("a\0b"s, false));
}

TEST(PercentEncoding, IsThatOfSigV4AndIsUndoneExactly) {
    EXPECT_EQ(percent_encode("a/b c~(+)\xc3\xa9", true), "a/b%20c~%28%2B%29%C3%A9");
    EXPECT_EQ(percent_encode("a/b", false), "a%2Fb");
    std::string all;
    for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
    EXPECT_EQ(percent_decode(percent_encode(all, false), true), all);
    EXPECT_EQ(percent_decode(percent_encode(all, true), false), all);
}

TEST(Places, AreFoundInThePath) {
    const auto in_path = [](std::string_view path) {
        return find_place(path, "localhost:9000", {});
    };
    EXPECT_EQ(in_path("/").bucket, "");
    EXPECT_EQ(in_path("/b").bucket, "b");
    EXPECT_EQ(in_path("/b").key, "");
    EXPECT_EQ(in_path("/b/").key, "");
    EXPECT_EQ(in_path("/b//k").key, "/k");
    EXPECT_EQ(in_path("/b/../k/").key, "../k/");
    EXPECT_EQ(in_path("//k").bucket, "");
    EXPECT_EQ(in_path("//k").key, "k");
}

TEST(Places, AreFoundInTheHost) {
    const std::vector<std::string> domains{"example.com", "s3.example.com"};
    for (const std::string_view host :
         {"my.models.example.com", "my.models.example.com:9000", "my.models.EXAMPLE.com."}) {
        const Place place = find_place("/a/b", host, domains);
        EXPECT_EQ(place.bucket, "my.models") << host;
        EXPECT_EQ(place.key, "a/b");
        EXPECT_TRUE(place.bucket_in_host);
    }
    for (const std::string_view host : {"example.com", "example.com:80", ".example.com",
                                        "badexample.com", "other.org", "[::1]:9000", ""}) {
        const Place place = find_place("/a/b", host, domains);
        EXPECT_EQ(place.bucket, "a") << host;
        EXPECT_EQ(place.key, "b");
        EXPECT_FALSE(place.bucket_in_host);
    }
}

TEST(Places, AreFoundUnderTheLongestDomain) {
    const std::vector<std::string> domains{"example.com", "s3.example.com"};
    EXPECT_EQ(find_place("/k", "b.s3.example.com", domains).bucket, "b");
    EXPECT_EQ(find_place("/b/k", "s3.example.com", domains).bucket, "b") << "the domain itself";
}

}  // namespace
}  // namespace weir::s3
