// expect: can't travel between processes: it may have a pointer, reference or view, since
// it is a class whose members can't be seen; specialise
// pyproc::multiprocessing::Serializer SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/serialize.hpp"

using namespace pyproc::multiprocessing;

class Account {
public:
    explicit Account(int balance) : balance_{balance} {}

private:
    int balance_;
};

int main() {
    static_cast<void>(encode(Account{1}));
}
