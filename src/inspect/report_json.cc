#include "inspect/report_json.h"

#include <nlohmann/json.hpp>

namespace weir::inspect {

nlohmann::json to_json(const CheckReport& report) {
    nlohmann::json findings = nlohmann::json::array();
    for (const Finding& finding : report.findings)
        findings.push_back({{"kind", finding.kind == Kind::damage ? "damage" : "leak"},
                            {"where", finding.where},
                            {"what", finding.what},
                            {"repaired", finding.repaired}});
    return {{"buckets", report.buckets},       {"versions", report.versions},
            {"uploads", report.uploads},       {"blobs", report.blobs},
            {"blob_bytes", report.blob_bytes}, {"bytes_read", report.bytes_read},
            {"damage", report.damage},         {"leaks", report.leaks},
            {"repaired", report.repaired},     {"leaks_known", report.leaks_known},
            {"findings", std::move(findings)}};
}

nlohmann::json to_json(const ScrubReport& report) {
    return {{"files", report.files},
            {"extents", report.extents},
            {"bodies", report.bodies},
            {"bytes", report.bytes},
            {"damaged", report.damaged}};
}

}  // namespace weir::inspect
