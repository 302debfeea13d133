// SPDX-License-Identifier: BSL-1.0
#include "peer.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace bench {
namespace {

std::vector<Peer>& registered_peers() {
    static std::vector<Peer> all;
    return all;
}

}  // namespace

const std::vector<Peer>& peers() {
    return registered_peers();
}

Registered::Registered(Peer peer) {
    std::vector<Peer>& all = registered_peers();
    const auto place = std::ranges::upper_bound(all, peer.name, {}, &Peer::name);
    all.insert(place, std::move(peer));
}

}  // namespace bench
