#include "s3/proto/amz_date.h"

#include <fmt/format.h>

#include <algorithm>

#include "s3/proto/model_time.h"

namespace weir::s3 {

std::string format_amz_date(UnixNanos time) {
    const std::string iso = format_iso_date(time);  // 2013-05-24T00:00:00.000Z
    const std::string_view view = iso;
    return fmt::format("{}{}{}T{}{}{}Z", view.substr(0, 4), view.substr(5, 2), view.substr(8, 2),
                       view.substr(11, 2), view.substr(14, 2), view.substr(17, 2));
}

std::optional<UnixNanos> parse_amz_date(std::string_view text) {
    if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
    for (std::size_t i = 0; i < 15; ++i) {
        if (i != 8 && (text[i] < '0' || text[i] > '9')) return std::nullopt;
    }
    return parse_date(fmt::format("{}-{}-{}T{}:{}:{}Z", text.substr(0, 4), text.substr(4, 2),
                                  text.substr(6, 2), text.substr(9, 2), text.substr(11, 2),
                                  text.substr(13, 2)));
}

}  // namespace weir::s3
