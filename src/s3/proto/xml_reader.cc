#include "s3/proto/xml_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <pugixml.hpp>

#include "s3/proto/utf8.h"

namespace weir::s3 {

struct XmlDocument::Tree {
    pugi::xml_document document;
};

namespace {

constexpr unsigned parse_options =
    pugi::parse_default | pugi::parse_doctype | pugi::parse_ws_pcdata_single;

std::string_view local_name(std::string_view name) {
    const std::size_t colon = name.find(':');
    return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

pugi::xml_node first_named(pugi::xml_node from, std::string_view name) {
    while (from && (from.type() != pugi::node_element || local_name(from.name()) != name)) {
        from = from.next_sibling();
    }
    return from;
}

pugi::xml_node first_element(pugi::xml_node from) {
    while (from && from.type() != pugi::node_element) from = from.next_sibling();
    return from;
}

// Markup that begins or ends something. One test a byte: find_first_of() calls memchr() for each.
bool is_markup(char c) { return c == '<' || c == '&'; }
bool is_markup_of_tag(char c) {
    return is_markup(c) || c == '>' || c == '=' || c == '"' || c == '\'';
}

// Drops what is before it. False: there is none.
bool skip_to(bool (*wanted)(char), std::string_view& rest) {
    const auto found = std::ranges::find_if(rest, wanted);
    rest.remove_prefix(static_cast<std::size_t>(found - rest.begin()));
    return !rest.empty();
}

// The number of "#13;" or "#xD;": a character that text may hold. S3 allows the control characters
// that XML forbids, but not NUL, at which pugixml's strings would end: "a&#0;b" must not become the
// key "a".
bool is_character_number(std::string_view reference) {
    const bool hex = reference.starts_with("#x");
    const std::string_view digits = reference.substr(hex ? 2 : 1);
    std::uint32_t number = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, number, hex ? 16 : 10);
    if (error != std::errc{} || stop != end) return false;
    return number != 0 && number <= 0x10ffff && (number < 0xd800 || number > 0xdfff);
}

bool is_reference(std::string_view reference) {
    constexpr std::array<std::string_view, 5> named{"amp", "lt", "gt", "quot", "apos"};
    if (reference.starts_with('#')) return is_character_number(reference);
    return std::ranges::find(named, reference) != named.end();
}

// Takes the reference that `rest` begins with.
Result<void> take_reference(std::string_view& rest) {
    constexpr std::size_t reference_bytes_max = 16;
    const std::size_t end = rest.substr(0, reference_bytes_max).find(';');
    if (end == std::string_view::npos || !is_reference(rest.substr(1, end - 1)))
        return fail(Code::malformed_xml, "The XML has a reference to no character.");
    rest.remove_prefix(end + 1);
    return {};
}

// Takes the tag that `rest` begins with. Were a `<` allowed in a value, as pugixml allows it, what
// follows could look like a comment to us and like text to pugixml. Its "=" are counted.
Result<void> take_tag(std::string_view& rest, std::size_t& attributes) {
    rest.remove_prefix(1);
    char quote = '\0';
    for (;;) {
        if (!skip_to(is_markup_of_tag, rest)) return fail(Code::malformed_xml);
        const char c = rest.front();
        if (c == '<') return fail(Code::malformed_xml);
        if (c == '&') {
            TRY_VOID(take_reference(rest));
            continue;
        }
        rest.remove_prefix(1);
        if (c == '=') {
            ++attributes;
            continue;
        }
        if (c == '>' && quote == '\0') return {};
        if (c == quote) {
            quote = '\0';
        } else if (c != '>' && quote == '\0') {
            quote = c;
        }
    }
}

Result<void> take_until(std::string_view close, std::string_view& rest) {
    const std::size_t end = rest.find(close);
    if (end == std::string_view::npos) return fail(Code::malformed_xml);
    rest.remove_prefix(end + close.size());
    return {};
}

// pugixml passes over references that it does not know; this does not, wherever pugixml looks for
// them: not in comments, CDATA and instructions. Each tag and each attribute takes ten times its
// own bytes in the tree.
Result<void> check_markup(std::string_view xml, std::size_t tags_max) {
    std::size_t tags = 0, attributes = 0;
    while (skip_to(is_markup, xml)) {
        if (xml.front() == '<') ++tags;
        if (xml.starts_with('&')) {
            TRY_VOID(take_reference(xml));
        } else if (xml.starts_with("<!--")) {
            xml.remove_prefix(4);
            TRY_VOID(take_until("-->", xml));
        } else if (xml.starts_with("<![CDATA[")) {
            TRY_VOID(take_until("]]>", xml));
        } else if (xml.starts_with("<?")) {
            TRY_VOID(take_until("?>", xml));
        } else if (xml.starts_with("<!")) {
            return fail(Code::malformed_xml, "The XML must not have a document type declaration.");
        } else {
            TRY_VOID(take_tag(xml, attributes));
        }
        if (std::max(tags, attributes) > tags_max)
            return fail(Code::malformed_xml,
                        fmt::format("The XML has more than {} tags or attributes.", tags_max));
    }
    return {};
}

// pugixml builds the tree without recursion; this walks it the same way.
Result<void> check_shape(pugi::xml_node document, std::size_t depth_max) {
    std::size_t depth = 0;
    pugi::xml_node node = document.first_child();
    while (node) {
        if (node.type() == pugi::node_doctype) {
            return fail(Code::malformed_xml, "The XML must not have a document type declaration.");
        }
        if (const pugi::xml_node child = node.first_child()) {
            if (++depth > depth_max) {
                return fail(Code::malformed_xml,
                            fmt::format("The XML is nested more than {} levels deep.", depth_max));
            }
            node = child;
            continue;
        }
        while (node != document && !node.next_sibling()) {
            node = node.parent();
            --depth;
        }
        if (node == document) break;
        node = node.next_sibling();
    }
    return {};
}

}  // namespace

std::string_view XmlElement::name() const { return local_name(pugi::xml_node(node_).name()); }

XmlElement XmlElement::child(std::string_view name) const {
    return XmlElement(first_named(pugi::xml_node(node_).first_child(), name).internal_object());
}

XmlElement XmlElement::next(std::string_view name) const {
    return XmlElement(first_named(pugi::xml_node(node_).next_sibling(), name).internal_object());
}

XmlElement XmlElement::first_child() const {
    return XmlElement(first_element(pugi::xml_node(node_).first_child()).internal_object());
}

XmlElement XmlElement::next() const {
    return XmlElement(first_element(pugi::xml_node(node_).next_sibling()).internal_object());
}

std::string XmlElement::text() const {
    std::string all;
    for (const pugi::xml_node part : pugi::xml_node(node_).children()) {
        if (part.type() == pugi::node_pcdata || part.type() == pugi::node_cdata) {
            all.append(part.value());
        }
    }
    return all;
}

Result<XmlDocument> XmlDocument::parse(std::string_view xml, const XmlBounds& bounds) {
    if (xml.size() > bounds.bytes) {
        return fail(Code::entity_too_large,
                    fmt::format("The XML is larger than {} bytes.", bounds.bytes));
    }
    if (!is_utf8_text(xml)) return fail(Code::malformed_xml, "The XML is not UTF-8.");
    TRY_VOID(check_markup(xml, bounds.tags));
    auto tree = std::make_unique<Tree>();
    const pugi::xml_parse_result result =
        tree->document.load_buffer(xml.data(), xml.size(), parse_options, pugi::encoding_utf8);
    if (!result) return fail(Code::malformed_xml);
    TRY_VOID(check_shape(tree->document, bounds.depth));
    // pugixml takes text and further elements beside the root for granted.
    const auto top = tree->document.children();
    const auto elements = std::count_if(top.begin(), top.end(), [](const pugi::xml_node& node) {
        return node.type() == pugi::node_element;
    });
    if (elements != 1) return fail(Code::malformed_xml, "The XML must have one root element.");
    return XmlDocument(std::move(tree));
}

XmlDocument::XmlDocument(std::unique_ptr<Tree> tree) : tree_(std::move(tree)) {}
XmlDocument::XmlDocument(XmlDocument&&) noexcept = default;
XmlDocument& XmlDocument::operator=(XmlDocument&&) noexcept = default;
XmlDocument::~XmlDocument() = default;

XmlElement XmlDocument::root() const {
    return XmlElement(tree_->document.document_element().internal_object());
}

}  // namespace weir::s3
