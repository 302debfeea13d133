// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <grp.h>
#include <pwd.h>
#include <sys/types.h>

#include "pyproc/concat.hpp"
#include "pyproc/errors.hpp"

namespace pyproc::spawn {

/// A user or a group, by its number or by its name in the system's database.
class Identity {
public:
    Identity() noexcept = default;  ///< nobody: refused by `as_user` and `as_group`
    template <std::integral Number>
    requires(!std::same_as<Number, bool>) Identity(Number number)
        : number_{static_cast<long long>(number)} {}
    Identity(const char* name) : name_{name} {}
    Identity(std::string name) noexcept : name_{std::move(name)} {}
    Identity(std::string_view name) : name_{name} {}

    /// The number of the user.
    ///
    /// @throws ValueError  for a number that can't be one, or a name that nobody has.
    /// @throws OSError     if the database can't be read.
    ///
    /// Source: getpwnam_r(3).
    [[nodiscard]] uid_t as_user() const {
        if (name_.empty()) return in_range<uid_t>("user");
        passwd entry{};
        passwd* found = nullptr;
        look_up([&](char* memory, std::size_t size) {
            return ::getpwnam_r(name_.c_str(), &entry, memory, size, &found);
        });
        if (found == nullptr)
            throw ValueError{concat({"there is no user '", name_, "'"})};
        return entry.pw_uid;
    }

    /// The number of the group. @throws as `as_user` does. Source: getgrnam_r(3).
    [[nodiscard]] gid_t as_group() const {
        if (name_.empty()) return in_range<gid_t>("group");
        ::group entry{};
        ::group* found = nullptr;
        look_up([&](char* memory, std::size_t size) {
            return ::getgrnam_r(name_.c_str(), &entry, memory, size, &found);
        });
        if (found == nullptr)
            throw ValueError{concat({"there is no group '", name_, "'"})};
        return entry.gr_gid;
    }

private:
    template <class Id>
    [[nodiscard]] Id in_range(const char* what) const {
        // The largest means "leave it as it is" to the kernel, and is nobody's number.
        const bool is_id =
            0 <= number_ && number_ < static_cast<long long>(static_cast<Id>(-1));
        if (is_id) return static_cast<Id>(number_);
        throw ValueError{
            concat({std::to_string(number_), " can't be the number of a ", what})};
    }

    /// Calls `ask` with more and more memory until the entry fits.
    template <class Ask>
    static void look_up(Ask ask) {
        constexpr std::size_t most = 1 << 24;
        std::string memory(1024, '\0');
        int code = ask(memory.data(), memory.size());
        while ((code == ERANGE && memory.size() < most) || code == EINTR) {
            if (code == ERANGE) memory.resize(memory.size() * 2);
            code = ask(memory.data(), memory.size());
        }
        // Some databases answer "not found" with one of these instead of success.
        if (code == 0 || code == ENOENT || code == ESRCH) return;
        throw_os_error(code, "cannot read the database of users and groups");
    }

    std::string name_;  ///< empty if it is a number
    long long number_ = -1;
};

}  // namespace pyproc::spawn
