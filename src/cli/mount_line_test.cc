#include "cli/mount_line.h"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

using Words = std::vector<std::string>;

std::string why(const Words& words) {
    const Result<MountLine> line = parse_mount_line(words);
    EXPECT_FALSE(line);
    return line ? "" : std::string(line.error().message());
}

TEST(MountLine, FlagsAndMountOptionsAreTheSame) {
    const MountLine flags =
        parse_mount_line({"m:p", "/mnt", "--cache-bytes", "10G", "--uid=7", "--umask", "077",
                          "--read-only", "--ttl", "9", "--prefetch", "*.a", "--prefetch=b/**",
                          "--endpoint", "http://h:1"})
            .value();
    const MountLine list =
        parse_mount_line({"-o", "cache_bytes=10G,uid=7,umask=077", "m:p", "-o",
                          "ro,ttl=9,prefetch=*.a,prefetch=b/**,endpoint=http://h:1", "/mnt"})
            .value();
    for (const MountLine& line : {flags, list}) {
        EXPECT_EQ(line.source, (MountSource{.bucket = "m", .prefix = "p/"}));
        EXPECT_EQ(line.folder, "/mnt");
        EXPECT_EQ(line.cache_bytes, 10ULL << 30);
        EXPECT_EQ(line.uid, 7U);
        EXPECT_FALSE(line.gid);
        EXPECT_EQ(line.umask, 077);
        EXPECT_TRUE(line.read_only);
        EXPECT_EQ(line.ttl, std::chrono::seconds(9));
        EXPECT_EQ(line.prefetch, (Words{"*.a", "b/**"}));
        EXPECT_EQ(line.endpoint, "http://h:1");
        EXPECT_FALSE(line.foreground);
    }
}

TEST(MountLine, WhatFstabTellsOthersIsPassedOver) {
    const MountLine line =
        parse_mount_line({"m", "/mnt", "-o", "rw,noauto,_netdev,x-systemd.automount,noexec,user"})
            .value();
    EXPECT_FALSE(line.read_only);
    EXPECT_TRUE(line.no_exec);
}

TEST(MountLine, APastTimeIsReadOnly) {
    const MountLine line = parse_mount_line({"m@2026-11-27", "/mnt", "-o", "rw"}).value();
    EXPECT_TRUE(line.read_only);
    EXPECT_TRUE(line.source.time);
}

TEST(MountLine, NamesTheOptionThatIsWrong) {
    EXPECT_NE(why({"m"}).find("usage"), std::string::npos);
    EXPECT_NE(why({"m", "/a", "/b"}).find("usage"), std::string::npos);
    EXPECT_NE(why({"m", "/a", "--cache-bytes", "many"}).find("--cache-bytes"), std::string::npos);
    EXPECT_NE(why({"m", "/a", "--cache-bytes"}).find("--cache-bytes"), std::string::npos);
    EXPECT_NE(why({"m", "/a", "--secret-key", "x"}).find("--secret-key"), std::string::npos);
    EXPECT_NE(why({"m", "/a", "--read-only=yes"}).find("--read-only"), std::string::npos);
    EXPECT_NE(why({"m", "/a", "-o", "uid"}).find("uid"), std::string::npos);
    EXPECT_NE(why({"m", "/a", "-o", "suid"}).find("suid"), std::string::npos);
    EXPECT_NE(why({"m", "/a", "-o", "umask=999"}).find("umask"), std::string::npos);
    EXPECT_NE(why({"m", "/a", "-o", "colour=red"}).find("colour"), std::string::npos);
    EXPECT_NE(why({"m", "/a", "--ro"}).find("--ro"), std::string::npos);
    EXPECT_NE(why({"m", "/a", "-x"}).find("-x"), std::string::npos);
    EXPECT_NE(why({"m", "/a", "--log-level", "loud"}).find("--log-level"), std::string::npos);
}

TEST(HelperLine, AsMountCallsIt) {
    const HelperLine helper =
        parse_helper_line({"m:p", "/mnt", "-n", "-v", "-t", "weir", "-o", "rw,uid=1,_netdev"})
            .value();
    EXPECT_EQ(helper.line.source_text, "m:p");
    EXPECT_EQ(helper.line.uid, 1U);
    EXPECT_FALSE(helper.fake);
    EXPECT_FALSE(parse_helper_line({"m", "/mnt", "-o", "colour=red"}));
    EXPECT_TRUE(parse_helper_line({"m", "/mnt", "-o", "colour=red", "-s"}));
    EXPECT_TRUE(parse_helper_line({"m", "/mnt", "-f"}).value().fake);
    EXPECT_TRUE(parse_helper_line({"m", "/mnt", "-r"}).value().line.read_only);
}

TEST(MountOptions, AreAllExplained) {
    const std::string text = describe_mount_options();
    for (const char* name : {"--endpoint URL", "--cache-bytes N", "--recover", "-o LIST"})
        EXPECT_NE(text.find(name), std::string::npos) << name;
}

}  // namespace
}  // namespace weir::cli
