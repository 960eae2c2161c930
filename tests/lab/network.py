"""Addresses and links: one bridge for the lab, one namespace and one link for each machine.

A machine's namespace is made outside it, so the address is there before its init, survives power
loss and reboot, and needs neither DHCP nor a daemon.
"""

from __future__ import annotations

import ipaddress
import json
from typing import TYPE_CHECKING

from tests.lab.commands import run
from tests.lab.errors import LabError

if TYPE_CHECKING:
    from tests.lab.spec import MachineSpec

BRIDGE = "stagegate0"
# Marks our routes in the kernel's table (an unassigned number), so that they can be taken back by
# it.
_PROTOCOL = "77"


def namespace_of(name: str) -> str:
    """Return the name of a machine's network namespace."""
    return f"lab-{name}"


def ensure_bridge(address: str) -> None:
    """Make the bridge of the /24 that holds this address; the controller is `.1` on it."""
    network, gateway = _network(address)
    _refuse_foreign_route(network)
    # Nothing for a machine leaves by another interface when the bridge is gone.
    run(["ip", "route", "replace", "unreachable", network, "metric", "4242", "proto", _PROTOCOL])
    if not _exists(BRIDGE):
        run(["ip", "link", "add", BRIDGE, "address", _hardware_address(gateway), "type", "bridge"])
    run(["ip", "address", "replace", f"{gateway}/24", "dev", BRIDGE])
    run(["ip", "link", "set", BRIDGE, "up"])
    run(["ip", "route", "replace", *_quick_route(network, BRIDGE, gateway)])


def remove_bridge() -> None:
    """Remove the bridge and every route of the lab."""
    if _exists(BRIDGE):
        run(["ip", "link", "delete", BRIDGE])
    run(["ip", "route", "flush", "proto", _PROTOCOL])


def ensure_link(spec: MachineSpec) -> None:
    """Give a machine its namespace, address and link, and plug the link in."""
    namespace, link = namespace_of(spec.name), _link_of(spec.name)
    # The default route is made last: with it the namespace is whole, whatever was killed before.
    if not run(["ip", "-n", namespace, "route", "show", "default"], fails=True):
        remove_link(spec.name)
        run(["ip", "netns", "add", namespace])
        peer = ["name", "host0", "address", _hardware_address(spec.address), "netns", namespace]
        run(["ip", "link", "add", link, "type", "veth", "peer", *peer])
        run(["ip", "-n", namespace, "-batch", "-"], given=_inside(spec))
    run(["ip", "link", "set", link, "master", BRIDGE, "up"])


def remove_link(name: str) -> None:
    """Remove a machine's namespace and link, as far as they exist."""
    if _exists(_link_of(name)):
        run(["ip", "link", "delete", _link_of(name)])
    if namespace_of(name) in run(["ip", "netns", "list"]).split():
        run(["ip", "netns", "delete", namespace_of(name)])


def set_link(name: str, *, up: bool) -> None:
    """Plug a machine's link in or pull it out; pulled out it sends neither FIN nor RST."""
    if _exists(_link_of(name)):
        run(["ip", "link", "set", _link_of(name), "up" if up else "down"])
    elif up:
        raise LabError(f"{name} has no link to plug in; boot it first: python -m tests.lab up")


def is_linked(name: str) -> bool:
    """Tell whether a machine's link is plugged in."""
    links = run(["ip", "-json", "link", "show", "dev", _link_of(name)], fails=True)
    return bool(links) and "UP" in json.loads(links)[0]["flags"]


def _link_of(name: str) -> str:
    return f"v-{name}"


def _exists(interface: str) -> bool:
    return bool(run(["ip", "link", "show", "dev", interface], fails=True))


def _network(address: str) -> tuple[str, str]:
    network = ipaddress.ip_network(f"{address}/24", strict=False)
    return str(network), str(network[1])


def _hardware_address(address: str) -> str:
    """Return a MAC that is always the same for an address.

    A machine made again with a random one was unreachable for 12-70 s in 7 of 12 tries: a stale
    neighbour entry, then the back-off of SYN.
    """
    return "02:00:" + ":".join(f"{byte:02x}" for byte in ipaddress.IPv4Address(address).packed)


def _quick_route(network: str, device: str, source: str) -> list[str]:
    """Return the words of a link's own route, without delayed ACKs.

    Those cost every fresh login 2 x 40 ms of its 250 ms.
    """
    route = [network, "dev", device, "proto", "kernel", "scope", "link", "src", source]
    return [*route, "quickack", "1"]


def _inside(spec: MachineSpec) -> str:
    network, gateway = _network(spec.address)
    lines = [
        "link set lo up",
        f"address add {spec.address}/24 dev host0",
        "link set host0 up",
        f"route replace {' '.join(_quick_route(network, 'host0', spec.address))}",
        f"route add default via {gateway}",
    ]
    return "\n".join(lines) + "\n"


def _refuse_foreign_route(network: str) -> None:
    routes = json.loads(run(["ip", "-json", "route", "show", network]) or "[]")
    foreign = [
        r["dev"]
        for r in routes
        if r.get("dev", BRIDGE) != BRIDGE and r.get("protocol") != _PROTOCOL
    ]
    if foreign:
        raise LabError(
            f"{network} is in use here by {foreign[0]}; nothing was changed. "
            "Give the inventory's hosts addresses of a free network"
        )
