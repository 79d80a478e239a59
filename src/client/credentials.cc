#include "client/credentials.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <utility>

#include "client/settings_file.h"

namespace weir::client {
namespace {

using Found = Result<std::optional<Credentials>>;

// The three words as one set of settings spells them.
struct Names {
    std::string_view id, secret, token;
};
constexpr Names variable_names{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"};
constexpr Names profile_names{"aws_access_key_id", "aws_secret_access_key", "aws_session_token"};

Found keys_in(const Settings& settings, const Names& names, const std::string& source) {
    const std::optional<std::string> id = setting(settings, names.id),
                                     secret = setting(settings, names.secret);
    if (!id && !secret) return std::nullopt;
    if (!id || !secret)
        return fail(Code::invalid_argument,
                    fmt::format("{} has only one of {} and {}", source, names.id, names.secret));
    return Credentials{.access_key_id = *id,
                       .secret_access_key = *secret,
                       .session_token = setting(settings, names.token).value_or(""),
                       .source = source};
}

// Ways to keys that a profile may name and that we do not go.
Result<void> refuse_other_ways(const Settings& profile, const std::string& source) {
    for (const std::string_view way :
         {"role_arn", "sso_session", "sso_start_url", "credential_process",
          "web_identity_token_file", "login_session"})
        if (profile.contains(way))
            return fail(Code::invalid_argument,
                        fmt::format("{} gets its keys by {}, which is not done here; put keys into "
                                    "the environment: eval \"$(aws configure export-credentials "
                                    "--format env)\"",
                                    source, way));
    return {};
}

Found keys_of_profile(const Environment& environment, const std::string& profile, bool named) {
    const std::string credentials_file = environment.credentials_file(),
                      config_file = environment.config_file();
    TRY(const Sections credentials, read_sections(credentials_file));
    const auto section = credentials.find(profile);
    if (section != credentials.end()) {
        TRY(std::optional<Credentials> found,
            keys_in(section->second, profile_names,
                    fmt::format("profile '{}' of {}", profile, credentials_file)));
        if (found) return found;
    }
    TRY(const Sections config, read_sections(config_file));
    const Settings* settings = config_profile(config, profile);
    if (settings != nullptr) {
        const std::string source = fmt::format("profile '{}' of {}", profile, config_file);
        TRY(std::optional<Credentials> found, keys_in(*settings, profile_names, source));
        if (found) return found;
        TRY_VOID(refuse_other_ways(*settings, source));
    }
    if (named && settings == nullptr && section == credentials.end())
        return fail(Code::invalid_argument, fmt::format("there is no profile '{}' in {} or {}",
                                                        profile, credentials_file, config_file));
    return std::nullopt;
}

std::string fingerprint_of(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) return "missing";
    return fmt::format("{}.{}.{}.{}", status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_size,
                       status.st_ino);
}

}  // namespace

CredentialChain::CredentialChain(Environment environment, std::string profile, Log& log)
    : environment_(std::move(environment)), profile_(std::move(profile)), log_(log) {}

CredentialChain::CredentialChain(Credentials fixed, Log& log)
    : fixed_(true), log_(log), found_(std::make_shared<const Credentials>(std::move(fixed))) {}

std::unique_ptr<CredentialChain> CredentialChain::anonymous(Log& log) {
    auto chain = std::make_unique<CredentialChain>(Credentials(), log);
    MutexLock lock(chain->mutex_);
    chain->found_ = nullptr;
    return chain;
}

std::string CredentialChain::fingerprint() const {
    return fmt::format("{} {} {}", fingerprint_of(environment_.credentials_file()),
                       fingerprint_of(environment_.config_file()),
                       fingerprint_of(environment_.system_file));
}

void CredentialChain::warn_if_readable_by_others() {
    struct stat status{};
    if (warned_ || ::stat(environment_.system_file.c_str(), &status) != 0) return;
    if ((status.st_mode & (S_IRGRP | S_IROTH)) == 0) return;
    warned_ = true;
    log_.warn("{} holds secrets and others than its owner may read it: chmod 600 {}",
              environment_.system_file, environment_.system_file);
}

Result<std::shared_ptr<const Credentials>> CredentialChain::look() {
    if (profile_.empty()) {
        TRY(std::optional<Credentials> found,
            keys_in(environment_.variables, variable_names, "the environment"));
        if (found) return std::make_shared<const Credentials>(*std::move(found));
    }
    const bool named = !profile_.empty() || environment_.variable("AWS_PROFILE").has_value();
    const std::string profile = profile_.empty() ? environment_.profile() : profile_;
    TRY(std::optional<Credentials> found, keys_of_profile(environment_, profile, named));
    if (found) return std::make_shared<const Credentials>(*std::move(found));
    TRY(const Settings system, read_variables(environment_.system_file));
    TRY(found, keys_in(system, variable_names, environment_.system_file));
    if (found) {
        warn_if_readable_by_others();
        return std::make_shared<const Credentials>(*std::move(found));
    }
    return fail(Code::access_denied,
                fmt::format("no credentials were found: neither AWS_ACCESS_KEY_ID and "
                            "AWS_SECRET_ACCESS_KEY in the environment, nor profile '{}' in {} or "
                            "{}, nor {}",
                            profile, environment_.credentials_file(), environment_.config_file(),
                            environment_.system_file));
}

Result<std::shared_ptr<const Credentials>> CredentialChain::current() {
    MutexLock lock(mutex_);
    if (fixed_) return found_;
    std::string now = fingerprint();
    if (found_ && now == looked_at_) return found_;
    TRY(found_, look());
    looked_at_ = std::move(now);
    return found_;
}

bool CredentialChain::refused(const Credentials& credentials) {
    MutexLock lock(mutex_);
    if (fixed_) return false;
    // Another call may have looked since.
    if (found_ && *found_ != credentials) return true;
    looked_at_.clear();
    const Result<std::shared_ptr<const Credentials>> found = look();
    if (!found) {
        log_.warn("looking for credentials again: {}", found.error().message());
        return false;
    }
    found_ = *found;
    looked_at_ = fingerprint();
    return *found_ != credentials;
}

}  // namespace weir::client
