// expect: Serializer<T> needs `static void write
// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/serialize.hpp"

using namespace pyproc::multiprocessing;

class Account {
public:
    explicit Account(int balance) : balance_{balance} {}

private:
    int balance_;
};

template <>
struct pyproc::multiprocessing::Serializer<Account> {
    static void write(Writer&, const Account&);
};

int main() {
    static_cast<void>(encode(Account{1}));
}
