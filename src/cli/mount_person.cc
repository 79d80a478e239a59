#include "cli/mount_person.h"

#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string_view>

#include "base/number.h"

namespace weir::cli {
namespace {

std::optional<std::uint32_t> id_in(const char* name) {
    const char* value = std::getenv(name);
    const std::string_view text = value == nullptr ? "" : value;
    return parse_number<std::uint32_t>(text);
}

}  // namespace

Person Person::of_process() {
    Person person{.uid = ::geteuid(), .gid = ::getegid(), .root = ::geteuid() == 0};
    // Only root can have been made root by sudo; others may have set the variables themselves.
    const std::optional<std::uint32_t> uid = id_in("SUDO_UID"), gid = id_in("SUDO_GID");
    if (!person.root || !uid || !gid) return person;
    person.uid = *uid;
    person.gid = *gid;
    person.sudo = true;
    return person;
}

std::string sudo_advice() {
    return "sudo does not pass AWS_* on: write them into ~/.aws/credentials or, as KEY=VALUE lines "
           "that only root can read, into /etc/weir/env; or run sudo "
           "--preserve-env=AWS_ACCESS_KEY_ID,AWS_SECRET_ACCESS_KEY,AWS_ENDPOINT_URL weir mount ...";
}

}  // namespace weir::cli
