// SPDX-License-Identifier: BSL-1.0
#include "pyproc/os/working_directory.hpp"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pyproc/errors.hpp"
#include "pyproc/posix/fd.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc;
using namespace std::string_view_literals;

namespace {

/// A directory to play in; afterwards it is gone and the working directory is the old
/// one.
class Playground {
public:
    Playground() {
        std::string pattern = std::filesystem::temp_directory_path() / "pyproc.XXXXXX";
        if (::mkdtemp(pattern.data()) == nullptr) std::abort();
        path_ = std::filesystem::canonical(pattern);
    }
    ~Playground() {
        std::filesystem::current_path(before_);
        std::filesystem::remove_all(path_);
    }
    Playground(const Playground&) = delete;
    Playground& operator=(const Playground&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path before_ = std::filesystem::current_path();
    std::filesystem::path path_;
};

[[nodiscard]] posix::UniqueFd opened(const std::filesystem::path& path) {
    return posix::UniqueFd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
}

}  // namespace

TEST_CASE("chdir, getcwd: the directory entered is the directory told") {
    const Playground playground;

    os::chdir(playground.path());

    CHECK(os::getcwd() == playground.path().string());
}

TEST_CASE("chdir: a relative path starts at the working directory") {
    const Playground playground;
    std::filesystem::create_directory(playground.path() / "below");

    os::chdir(playground.path().string());
    os::chdir("below");

    CHECK(os::getcwd() == playground.path().string() + "/below");
}

TEST_CASE("chdir: an open directory can be entered by its descriptor") {
    const Playground playground;
    const posix::UniqueFd directory = opened(playground.path());

    os::chdir(directory.get());

    CHECK(os::getcwd() == playground.path().string());
}

TEST_CASE(
    "chdir: a missing directory is a FileNotFoundError that names it and the call") {
    const std::string before = os::getcwd();

    CHECK_THROWS_AS(os::chdir("/no/such/directory"), FileNotFoundError);
    CHECK_THROWS_WITH(os::chdir("/no/such/directory"),
                      test::Contains("chdir '/no/such/directory'"));
    CHECK_THROWS_AS(os::chdir(""), FileNotFoundError);
    CHECK(os::getcwd() == before);
}

TEST_CASE("chdir: the error carries the name as it was given") {
    try {
        os::chdir("no/such/directory");
        FAIL("no exception");
    } catch (const OSError& error) {
        CHECK(error.filename() == "no/such/directory");
    }
}

TEST_CASE("chdir: a file is a NotADirectoryError, by name and by descriptor") {
    const posix::UniqueFd file = opened("/dev/null");

    CHECK_THROWS_AS(os::chdir("/dev/null"), NotADirectoryError);
    CHECK_THROWS_AS(os::chdir("/dev/null/below"), NotADirectoryError);
    CHECK_THROWS_AS(os::chdir(file.get()), NotADirectoryError);
}

TEST_CASE("chdir: a directory that may not be entered is a PermissionError") {
    const Playground playground;
    const std::filesystem::path locked = playground.path() / "locked";
    std::filesystem::create_directory(locked);
    std::filesystem::permissions(playground.path(), std::filesystem::perms{0755});
    std::filesystem::permissions(locked, std::filesystem::perms{0});

    const int is_so = test::forked([&] {
        constexpr uid_t nobody = 65534;
        if (::geteuid() == 0 && ::setuid(nobody) != 0) return true;  // root may all
        try {
            os::chdir(locked);
        } catch (const PermissionError& error) {
            return error.code().value() == EACCES;
        }
        return false;
    });
    std::filesystem::permissions(locked, std::filesystem::perms{0755});  // to remove it

    CHECK(is_so == 1);
}

TEST_CASE("chdir: a descriptor that is not open is an OSError that names its number") {
    try {
        os::chdir(-1);
        FAIL("no exception");
    } catch (const OSError& error) {
        CHECK(error.code().value() == EBADF);
        CHECK(error.filename() == "-1");
    }
}

TEST_CASE("chdir: a NUL in the path is a ValueError, not an end of the path") {
    CHECK_THROWS_AS(os::chdir("/\0tmp"sv), ValueError);
}

TEST_CASE("getcwd: a directory that was deleted is a FileNotFoundError") {
    const Playground playground;
    std::filesystem::create_directory(playground.path() / "gone");
    os::chdir(playground.path() / "gone");
    std::filesystem::remove(playground.path() / "gone");

    CHECK_THROWS_AS(os::getcwd(), FileNotFoundError);
    CHECK_THROWS_WITH(os::getcwd(), test::Contains("getcwd"));
}

TEST_CASE("getcwd: a path longer than PATH_MAX is told whole") {
    const Playground playground;
    const std::string name(200, 'd');
    constexpr int levels = 2 * PATH_MAX / 200;
    std::string path = playground.path().string();
    os::chdir(path);

    for (int level = 0; level < levels; ++level) {
        REQUIRE(::mkdir(name.c_str(), 0700) == 0);
        os::chdir(name);
        path += "/" + name;
    }
    const std::string told = os::getcwd();
    for (int level = 0; level < levels; ++level) {
        os::chdir("..");
        REQUIRE(::rmdir(name.c_str()) == 0);
    }

    CHECK(told == path);
}

TEST_CASE("getcwd: a directory outside the root is a FileNotFoundError") {
    const Playground playground;

    const int is_so = test::forked([&] {
        if (::chroot(playground.path().c_str()) != 0) return true;  // only root may
        try {
            (void)os::getcwd();
        } catch (const FileNotFoundError&) {
            return true;
        }
        return false;
    });

    CHECK(is_so == 1);
}

TEST_CASE("umask: sets the mask and returns the one until now") {
    const mode_t before = os::umask(027);

    CHECK(os::umask(077) == 027);
    CHECK(os::umask(before) == 077);
}

TEST_CASE("umask: bits other than permissions are ignored") {
    const mode_t before = os::umask(070022);

    CHECK(os::umask(before) == 022);
}
