#pragma once
// What the commands share: their exit codes, their own flags, the configuration, the way to the
// running server. Private to cli.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.h"
#include "cli/config.h"

namespace weir::cli {

inline constexpr int done = 0, failed = 1, misused = 2;

// The flags that a command takes besides the configuration's, taken out of the arguments.
std::optional<std::string> take_flag(std::vector<std::string>& arguments, const std::string& name);
bool take_switch(std::vector<std::string>& arguments, std::string_view name);
// The first argument, if it is no flag.
std::optional<std::string> take_word(std::vector<std::string>& arguments);
// A number of at most six digits.
bool is_count(std::string_view text);

// The configuration, from what is left of the arguments.
Result<Loaded> load(const std::vector<std::string>& arguments);

// Prints the running server's reply, or why there is none; the exit code.
using Print = int (*)(const nlohmann::json& reply);
int ask(const Config& config, const std::string& method, const std::string& path,
        const nlohmann::json& body, Print print);

int print_json(const nlohmann::json& reply);
// An fsck's report; damage and leaks that stay make the exit code 1.
int print_check(const nlohmann::json& reply);

// The commands. env.cc, keys.cc, admin.cc, inspect.cc, backup.cc, mount.cc, mount_status.cc,
// mount_kept.cc, umount.cc, s3/.
int run_env(const std::vector<std::string>& arguments);
int run_config(const std::vector<std::string>& arguments);
int run_keys(const std::vector<std::string>& given);
int run_admin(const std::vector<std::string>& given);
int run_fsck(const std::vector<std::string>& given);
int run_scrub(const std::vector<std::string>& given);
int run_object(const std::vector<std::string>& given);
int run_blob(const std::vector<std::string>& given);
int run_backup(const std::vector<std::string>& given);
int run_restore(const std::vector<std::string>& given);
int run_upgrade(const std::vector<std::string>& given);
int run_mount(const std::vector<std::string>& given);
int run_mount_status(const std::vector<std::string>& given);
int run_mount_kept(const std::vector<std::string>& given);
int run_umount(const std::vector<std::string>& given);
int run_ls(const std::vector<std::string>& arguments);
int run_cp(const std::vector<std::string>& arguments);
int run_sync(const std::vector<std::string>& arguments);
int run_rm(const std::vector<std::string>& arguments);

}  // namespace weir::cli
