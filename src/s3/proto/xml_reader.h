#pragma once
// Reads the XML that clients send. What could hurt is refused before anything is looked at: a
// document type, bytes that are not UTF-8, a document that is too large, too deep or has too many
// tags (XmlBounds). Names are compared without their namespace prefix.
//
// XmlDocument owns the tree; an XmlElement and the views it hands out live as long as the document.
// One thread. Failure: Code::malformed_xml, or entity_too_large past XmlBounds::bytes.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"

namespace pugi {
struct xml_node_struct;
}

namespace weir::s3 {

struct XmlBounds {
    std::size_t bytes = Limits{}.xml_body_bytes_max;
    std::size_t depth = Limits{}.xml_depth_max;
    std::size_t tags = Limits{}.xml_tags_max;
};

// One element, or none (false). Copy freely.
class XmlElement {
  public:
    XmlElement() = default;
    explicit XmlElement(pugi::xml_node_struct* node) : node_(node) {}

    explicit operator bool() const { return node_ != nullptr; }
    std::string_view name() const;
    // The first child of that name, and the next sibling of that name.
    XmlElement child(std::string_view name) const;
    XmlElement next(std::string_view name) const;
    // Of any name.
    XmlElement first_child() const;
    XmlElement next() const;
    // All of its own text, child elements left out.
    std::string text() const;

  private:
    pugi::xml_node_struct* node_ = nullptr;
};

class XmlDocument {
  public:
    static Result<XmlDocument> parse(std::string_view xml, const XmlBounds& bounds = {});
    XmlDocument(XmlDocument&&) noexcept;
    XmlDocument& operator=(XmlDocument&&) noexcept;
    ~XmlDocument();

    XmlElement root() const;

  private:
    struct Tree;
    explicit XmlDocument(std::unique_ptr<Tree> tree);
    std::unique_ptr<Tree> tree_;
};

}  // namespace weir::s3
