// The small files of data and backup directories: format, identity, credentials, the list of a
// backup's blobs. What is accepted is what the product writes. Input: a byte that says which file,
// what it holds.

#include <string>

#include "backup/layout.h"
#include "fuzz_input.h"
#include "inspect/data_directory.h"
#include "io/fake_disk.h"

namespace weir {
namespace {

const std::string data = "/data", backups = "/backups";

void check_blob_list(io::Disk& disk, std::string_view text) {
    const auto layout = backup::Layout::open(disk, backups, "identity");
    CHECK(layout.has_value());
    CHECK((*layout)->begin_set("1").has_value());
    const std::string list = (*layout)->set_path("1.unfinished") + "/BLOBS";
    CHECK(disk.replace_file(list, text).has_value());
    CHECK((*layout)->finish_set("1.unfinished", "1").has_value());
    const Result<backup::Needs> needs = (*layout)->read_needs("1");
    if (!needs) {
        CHECK(needs.error().code() == Code::corrupt);
        return;
    }
    for (std::string_view rest = text; !rest.empty();) {
        const std::string_view line = fuzz::take_line(rest);
        CHECK(line.ends_with(" 0") || line.ends_with(" 1"));
    }
    CHECK((*layout)->save_needs("1", *needs).has_value());
    const Result<backup::Needs> again = (*layout)->read_needs("1");
    CHECK(again.has_value() && again->size() == needs->size());
    for (const auto& [id, need] : *needs)
        CHECK(again->at(id).end_bytes == need.end_bytes && again->at(id).growing == need.growing);
}

void check_backup_format(io::Disk& disk, std::string_view text) {
    CHECK(backup::Layout::open(disk, backups, "identity").has_value());
    CHECK(disk.replace_file(backups + "/FORMAT", text).has_value());
    const bool is_ours = text == "weir backup format 1\nidentity\n";
    CHECK(backup::Layout::open(disk, backups, "identity").has_value() == is_ours);
    CHECK(backup::Layout::open(disk, backups, "").has_value() ==
          text.starts_with("weir backup format 1\n"));
}

void check_data_format(io::Disk& disk, std::string_view text) {
    CHECK(disk.replace_file(data + "/FORMAT", text).has_value());
    const bool is_ours = text == "weir data format 1\n";
    CHECK(inspect::DataDirectory::open(disk, data, false).has_value() == is_ours);
    CHECK(inspect::DataDirectory::read_format(disk, data).has_value() == is_ours);
}

void check_identity(io::Disk& disk, std::string_view text) {
    CHECK(disk.replace_file(data + "/identity", text).has_value());
    const auto opened = inspect::DataDirectory::open(disk, data, false);
    if (opened)
        CHECK((*opened)->identity().size() == 32 && (*opened)->identity() + "\n" == text);
    else
        CHECK(opened.error().code() == Code::corrupt);
}

void check_secret_key(io::Disk& disk, std::string_view text) {
    CHECK(disk.replace_file(data + "/secret.key", text).has_value());
    const auto opened = inspect::DataDirectory::open(disk, data, false);
    CHECK(opened.has_value() == (text.size() == 32));
    if (opened) CHECK((*opened)->secret_key() == text);
}

void check_credentials(io::Disk& disk, std::string_view text) {
    CHECK(disk.replace_file(data + "/root-credentials", text).has_value());
    const auto read = inspect::DataDirectory::read_root_credentials(disk, data);
    if (!read) {
        CHECK(read.error().code() == Code::corrupt);
        return;
    }
    const auto opened = inspect::DataDirectory::open(disk, data, false);
    CHECK(opened.has_value() && (*opened)->save_root_credentials(*read).has_value());
    const auto again = (*opened)->root_credentials();
    CHECK(again.has_value() && again->has_value());
    CHECK((*again)->access_key_id == read->access_key_id && (*again)->secret == read->secret);
}

void check(std::string_view input) {
    io::FakeDisk disk;
    CHECK(inspect::DataDirectory::open(disk, data, true).has_value());
    switch (fuzz::take_byte(input) % 6) {
        case 0:
            return check_blob_list(disk, input);
        case 1:
            return check_backup_format(disk, input);
        case 2:
            return check_data_format(disk, input);
        case 3:
            return check_identity(disk, input);
        case 4:
            return check_secret_key(disk, input);
        default:
            return check_credentials(disk, input);
    }
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    weir::check(weir::fuzz::as_input(data, size));
    return 0;
}
