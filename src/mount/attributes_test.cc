#include "mount/attributes.h"

#include <gtest/gtest.h>

namespace weir::mount {
namespace {

constexpr AttributeDefaults defaults{.uid = 7, .gid = 8, .umask = 027};
constexpr UnixNanos modified = 1'700'000'000 * nanos_per_second;

TEST(Attributes, AreTheDefaultsWhereNothingIsSaid) {
    const Attributes file = attributes_of({}, Kind::file, modified, defaults);
    EXPECT_EQ(file.mode(), mode_t{S_IFREG | 0640});
    EXPECT_EQ(file.uid, 7U);
    EXPECT_EQ(file.gid, 8U);
    EXPECT_EQ(file.mtime, modified);
    EXPECT_EQ(attributes_of({}, Kind::folder, modified, defaults).mode(), mode_t{S_IFDIR | 0750});
}

TEST(Attributes, AreReadAsS3fsAndRcloneWriteThem) {
    const Metadata s3fs{{"mode", "33188"}, {"uid", "1"}, {"gid", "2"}, {"mtime", "1600000000"}};
    const Attributes file = attributes_of(s3fs, Kind::file, modified, defaults);
    EXPECT_EQ(file.mode(), mode_t{0100644});
    EXPECT_EQ(file.uid, 1U);
    EXPECT_EQ(file.mtime, 1'600'000'000 * nanos_per_second);
    const Metadata rclone{{"mode", "0100600"}, {"mtime", "1600000000.123456789"}};
    EXPECT_EQ(attributes_of(rclone, Kind::file, modified, defaults).mode(), mode_t{0100600});
    EXPECT_EQ(attributes_of(rclone, Kind::file, modified, defaults).mtime,
              1'600'000'000 * nanos_per_second + 123'456'789);
}

TEST(Attributes, MakeASymlinkOfAFileAndNothingElseOfAFolder) {
    const Metadata link{{"mode", "41471"}};
    EXPECT_EQ(attributes_of(link, Kind::file, modified, defaults).kind, Kind::symlink);
    EXPECT_EQ(attributes_of(link, Kind::folder, modified, defaults).kind, Kind::folder);
    const Metadata folder{{"mode", "16877"}};
    EXPECT_EQ(attributes_of(folder, Kind::file, modified, defaults).kind, Kind::file);
}

TEST(Attributes, ThatCannotBeReadCountAsNotSaid) {
    for (const std::string bad : {"", "x", "-1", "1x", "99999999999999999999", "1.", "1.2.3"}) {
        const Metadata metadata{{"mode", bad},  {"uid", bad},   {"gid", bad},
                                {"mtime", bad}, {"ctime", bad}, {"weir-xattr-" + bad, "!"}};
        EXPECT_EQ(attributes_of(metadata, Kind::file, modified, defaults),
                  attributes_of({}, Kind::file, modified, defaults))
            << bad;
    }
}

TEST(Attributes, ComeBackAsTheyWereWritten) {
    Attributes attributes{.kind = Kind::symlink,
                          .permissions = 04755,
                          .uid = 4'294'967'295,
                          .gid = 0,
                          .mtime = 1,
                          .ctime = modified + 5};
    attributes.xattrs = {{"user.a", std::string("\0\xff", 2)}, {"user.Ä b", ""}};
    const auto metadata = metadata_of(attributes, {{"theirs", "kept"}, {"mode", "1"}});
    ASSERT_TRUE(metadata);
    EXPECT_EQ(metadata->at("theirs"), "kept");
    EXPECT_EQ(attributes_of(*metadata, Kind::file, modified, defaults), attributes);
}

TEST(Attributes, PastTheBoundAreNoSpace) {
    Attributes attributes;
    attributes.xattrs["user.large"] = std::string(1400, 'x');
    EXPECT_TRUE(metadata_of(attributes));
    attributes.xattrs["user.large"] = std::string(1600, 'x');
    EXPECT_EQ(metadata_of(attributes).error().code(), Code::no_space);
}

TEST(Attributes, NamesOfXattrsAreUnique) {
    for (const std::string name : {"user.a", "user.ab", "user.abc", "user.abcd", "user.abcde"}) {
        const std::string encoded = xattr_to_metadata_name(name);
        EXPECT_EQ(xattr_of_metadata_name(encoded), name);
        // Another spelling of the same name would make two of one.
        EXPECT_NE(xattr_of_metadata_name(encoded + "a"), name);
        for (const char last : std::string_view("abcdefghijklmnopqrstuvwxyz234567"))
            if (last != encoded.back())
                EXPECT_NE(xattr_of_metadata_name(encoded.substr(0, encoded.size() - 1) + last),
                          name);
    }
    EXPECT_FALSE(xattr_of_metadata_name("weir-xattr-"));
    EXPECT_FALSE(xattr_of_metadata_name("weir-xattr-A"));
}

}  // namespace
}  // namespace weir::mount
