#include "mount/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::mount {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Weights, SiblingsFollowFirstAndThenThoseBefore) {
    EXPECT_THAT(numbered_siblings("model-00002-of-00004.safetensors"),
                ElementsAre("model-00003-of-00004.safetensors", "model-00004-of-00004.safetensors",
                            "model-00001-of-00004.safetensors"));
    EXPECT_THAT(numbered_siblings("x-0-of-2.bin"), ElementsAre("x-1-of-2.bin", "x-2-of-2.bin"));
}

TEST(Weights, OtherNamesHaveNone) {
    for (const char* name : {"model.safetensors", "-of-", "a-of-b.c", "1-of-.x", "-of-3.x", "",
                             "m-00001-of-99999.safetensors", "m-1-of-99999999999999999999.x"})
        EXPECT_THAT(numbered_siblings(name), IsEmpty()) << name;
}

TEST(Weights, AnIndexNamesFilesInNaturalOrder) {
    EXPECT_THAT(files_of_index(R"({"weight_map": {"a": "m10.bin", "b": "m9.bin", "c": "m10.bin",
                                   "d": "m09.bin", "e": "../x", "f": 3, "g": ""}})"),
                ElementsAre("m09.bin", "m9.bin", "m10.bin"));
    for (const char* bad : {"", "{", "[]", "{}", R"({"weight_map": []})", "null"})
        EXPECT_THAT(files_of_index(bad), IsEmpty()) << bad;
}

TEST(Weights, PatternsMatchAsShellsDo) {
    EXPECT_TRUE(matches("*.safetensors", "a/b/model.safetensors"));
    EXPECT_FALSE(matches("*.safetensors", "a/b/model.bin"));
    EXPECT_TRUE(matches("a/*.bin", "a/x.bin"));
    EXPECT_FALSE(matches("a/*.bin", "a/b/x.bin"));
    EXPECT_TRUE(matches("a/**/x.bin", "a/x.bin"));
    EXPECT_TRUE(matches("a/**/x.bin", "a/b/c/x.bin"));
    EXPECT_TRUE(matches("a/**", "a/b/c"));
    EXPECT_TRUE(matches("m?.bin", "m1.bin"));
    EXPECT_FALSE(matches("a?b/*", "a/b/c"));
}

}  // namespace
}  // namespace weir::mount
