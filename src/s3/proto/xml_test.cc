#include <gtest/gtest.h>

#include <string>

#include "s3/proto/xml_reader.h"
#include "s3/proto/xml_writer.h"

namespace weir::s3 {
namespace {

Code code_of(std::string_view xml, const XmlBounds& bounds = {}) {
    const auto document = XmlDocument::parse(xml, bounds);
    return document.has_value() ? Code::internal_error : document.error().code();
}

std::string nested(std::size_t depth) {
    std::string xml;
    for (std::size_t i = 0; i < depth; ++i) xml += "<a>";
    for (std::size_t i = 0; i < depth; ++i) xml += "</a>";
    return xml;
}

TEST(XmlReader, FindsChildrenWhateverTheirPrefix) {
    const auto document = XmlDocument::parse(
        "\xef\xbb\xbf<?xml version='1.0'?><!-- c --><s:A xmlns:s='urn:x'><s:B>1</s:B><C/>"
        "<B>x<![CDATA[<y>]]>z&amp;</B></s:A>\n");
    ASSERT_TRUE(document.has_value());
    EXPECT_EQ(document->root().name(), "A");
    const XmlElement first = document->root().child("B");
    EXPECT_EQ(first.text(), "1");
    EXPECT_EQ(first.next("B").text(), "x<y>z&");
    EXPECT_FALSE(first.next("B").next("B"));
    EXPECT_FALSE(document->root().child("D"));
    EXPECT_FALSE(XmlElement().child("A"));
}

TEST(XmlReader, KeepsKeysOfSpacesAndControlCharacters) {
    const auto document = XmlDocument::parse("<A><K> </K><K>&#x1;&#13;a</K></A>");
    ASSERT_TRUE(document.has_value());
    EXPECT_EQ(document->root().child("K").text(), " ");
    EXPECT_EQ(document->root().child("K").next("K").text(), "\x01\ra");
}

TEST(XmlReader, RefusesWhatIsNotWellFormed) {
    for (const std::string_view xml :
         {"", " ", "text", "<a>", "<a></b>", "<a/><b/>", "<a><b></a></b>", "{\"a\": 1}",
          "<a attribute></a>", "<!-- only -->"}) {
        EXPECT_EQ(code_of(xml), Code::malformed_xml) << xml;
    }
}

TEST(XmlReader, RefusesMoreTagsOrAttributesThanItsBound) {
    const XmlBounds bounds{.tags = 4};
    EXPECT_EQ(code_of("<a><b></b></a>", bounds), Code::internal_error);
    EXPECT_EQ(code_of("<a><b></b><c/></a>", bounds), Code::malformed_xml);
    EXPECT_EQ(code_of("<a><b/><![CDATA[=====]]></a>", bounds), Code::internal_error);
    EXPECT_EQ(code_of("<a b='1' c='2' d='3' e='4'>=====</a>", bounds), Code::internal_error);
    EXPECT_EQ(code_of("<a b='1' c='2' d='3' e='4' f='5'/>", bounds), Code::malformed_xml);
}

TEST(XmlReader, RefusesDocumentTypes) {
    EXPECT_EQ(code_of("<!DOCTYPE a [<!ENTITY b \"bbbb\">]><a>&b;</a>"), Code::malformed_xml);
    EXPECT_EQ(code_of("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>"), Code::malformed_xml);
}

TEST(XmlReader, RefusesBytesThatAreNotUtf8) {
    using namespace std::string_literals;
    for (const std::string& bytes : {"\xff"s, "\xc0\xaf"s, "\xed\xa0\x80"s, "\xf4\x90\x80\x80"s,
                                     "\xe2\x82"s, "\0"s, "\xf8\x88\x80\x80\x80"s, "\x80"s}) {
        EXPECT_EQ(code_of("<a>" + bytes + "</a>"), Code::malformed_xml);
    }
    EXPECT_EQ(code_of("\xfe\xff\0<\0a\0/\0>"s), Code::malformed_xml);  // UTF-16
    EXPECT_EQ(code_of("<a>\xf0\x9f\x98\x80\xe2\x82\xac\xc3\xa9\xef\xbf\xbd</a>"),
              Code::internal_error);
}

// pugixml lets a value hold a `<`, and what looks like the beginning of a comment there is none.
TEST(XmlReader, FindsReferencesThatHide) {
    for (const std::string_view xml : {
             "<a b='<!--'><k>a&#0;b</k></a>",
             "<a b='<!--'><k>a&#0;b</k><!-- --></a>",
             "<a b=\"<![CDATA[\"><k>a&#0;b</k>]]&gt;]]></a>",
             "<?i <!-- ?><a><k>a&#0;b</k><!-- --></a>",
             "<a><?i <!-- ?><k>a&#0;b</k><!-- --></a>",
             "<a b='>' c=\"'\"><k>a&#0;b</k></a>",
             "<a b='&#0;'/>",
         })
        EXPECT_EQ(code_of(xml), Code::malformed_xml) << xml;
    const auto document = XmlDocument::parse(
        "<?i ' &#0; <!-- ?><a b='>&amp;' c=\"'/>\"><!-- &#0; ' --><k>&#65;</k></a>");
    ASSERT_TRUE(document);
    EXPECT_EQ(document->root().child("k").text(), "A");
}

TEST(XmlReader, RefusesReferencesToNoCharacter) {
    for (const std::string_view text :
         {"a&#0;b", "a&#x0;b", "&#x100000000;", "&#x110000;", "&#xD800;", "&#;", "&#x;", "&#12a;",
          "&nbsp;", "&", "a & b", "&amp", "&;", "&#0000000000000000000000000001;"}) {
        EXPECT_EQ(code_of("<a>" + std::string(text) + "</a>"), Code::malformed_xml) << text;
    }
    EXPECT_EQ(
        code_of("<a>&amp;&lt;&gt;&quot;&apos;&#x10FFFF;&#1;<!-- & --><![CDATA[&#0; <b]]></a>"),
        Code::internal_error);
}

TEST(XmlReader, KeepsItsBounds) {
    EXPECT_EQ(code_of(nested(16)), Code::internal_error);
    EXPECT_EQ(code_of(nested(18)), Code::malformed_xml);
    EXPECT_EQ(code_of(nested(100'000)), Code::malformed_xml);
    std::string wide = "<a>";
    for (int i = 0; i < 400'000; ++i) wide += "<b/>";
    EXPECT_EQ(code_of(wide + "</a>"), Code::malformed_xml);
    std::string attributes = "<a";
    for (int i = 0; i < 400'000; ++i) attributes += " b=''";
    EXPECT_EQ(code_of(attributes + "/>"), Code::malformed_xml);
    EXPECT_EQ(code_of("<a>" + std::string(9'000'000, 'x') + "</a>"), Code::entity_too_large);
    EXPECT_EQ(code_of("<a>12345</a>", {.bytes = 11}), Code::entity_too_large);
}

TEST(XmlWriter, EscapesSoThatTheReaderGetsTheSameBytesBack) {
    std::string every;
    for (int c = 1; c < 0x80; ++c) every.push_back(static_cast<char>(c));
    every += "\xe2\x82\xac\xf0\x9f\x98\x80";
    std::string xml;
    XmlWriter out(xml);
    out.open_root("A", xml_namespace_attribute);
    out.element("K", std::string_view(every));
    out.close("A");
    EXPECT_NE(xml.find("&#x1;"), std::string::npos);
    const auto document = XmlDocument::parse(xml);
    ASSERT_TRUE(document.has_value());
    EXPECT_EQ(document->root().child("K").text(), every);
}

}  // namespace
}  // namespace weir::s3
