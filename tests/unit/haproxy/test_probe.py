"""What preflight learns of the door, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from stagegate.errors import BadInput, Refused
from stagegate.haproxy.config import Survival, survival_of
from stagegate.haproxy.model import Door, Task
from tests.servers.haproxy import needs_haproxy, running
from tests.unit.haproxy.helpers import Site


@needs_haproxy
def test_the_facts_of_a_door(site: Site) -> None:
    evidence = site.do("probe")["evidence"]
    assert set(evidence["servers"]) == {"app1", "app2", "app3"}
    assert evidence["state"]["admin"] == "ready"
    assert evidence["state"]["weight"] == 100
    assert evidence["others_serving"] == ["app2", "app3"]
    assert not evidence["survives_reload"]
    assert evidence["survival"] == {"method": "none", "file": None}
    assert site.entries() == []


@needs_haproxy
def test_the_probe_says_that_states_survive_a_reload(keeping: Site) -> None:
    evidence = keeping.do("probe", check_mode=True)["evidence"]
    assert evidence["survives_reload"]
    assert evidence["survival"] == {"method": "global", "file": str(keeping.proxy.states)}


@needs_haproxy
def test_a_mistyped_backend_or_server_gets_the_nearest_name(site: Site) -> None:
    with pytest.raises(Refused, match="has no server ap1; did you mean app1"):
        site.do("probe", "ap1")
    site.noun["backend"] = "sparkel"
    with pytest.raises(Refused, match=r"no backend sparkel .* did you mean sparkle"):
        site.do("probe")
    site.noun["backend"] = "zzz"
    with pytest.raises(Refused, match="it has: sparkle"):
        site.do("probe")


@needs_haproxy
def test_a_missing_socket_is_a_refusal(site: Site) -> None:
    site.noun["socket"] = str(site.place / "nowhere.sock")
    with pytest.raises(Refused, match="it is not there") as refused:
        site.do("probe")
    assert refused.value.now == "nothing was changed"


@needs_haproxy
def test_a_socket_for_everybody_is_refused(site: Site) -> None:
    site.proxy.socket.chmod(0o666)
    with pytest.raises(Refused, match="everybody on lb1 may command HAProxy"):
        site.do("probe")


@needs_haproxy
def test_a_server_that_nobody_checks_is_refused(short_path: Path) -> None:
    with (
        running(short_path, check="") as proxy,
        pytest.raises(Refused, match="does not check the health of sparkle/app1"),
    ):
        Site(short_path, proxy).do("probe")


HEAD = """
global
    server-state-base /var/lib/haproxy   # states
    server-state-file states
defaults
    load-server-state-from-file global
"""


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (HEAD + "backend sparkle\n", Survival("global", "/var/lib/haproxy/states")),
        (HEAD + "backend other\n", Survival("none")),
        (HEAD + "backend sparkle\n load-server-state-from-file none\n", Survival("none")),
        (
            HEAD + "listen sparkle\n load-server-state-from-file local\n",
            Survival("local", "/var/lib/haproxy/sparkle"),
        ),
        (
            HEAD + "backend sparkle\n load-server-state-from-file local\n"
            " server-state-file-name /srv/one\n",
            Survival("local", "/srv/one"),
        ),
        (
            HEAD + "defaults quiet\n mode http\nbackend sparkle\n",
            Survival("none"),
        ),
        (
            HEAD.replace("defaults", "defaults kept")
            + "defaults quiet\n mode http\nbackend sparkle from kept\n",
            Survival("global", "/var/lib/haproxy/states"),
        ),
        (
            "global\n server-state-file states\ndefaults\n load-server-state-from-file global\n"
            "backend sparkle\n",
            Survival("global", ""),
        ),
        ("", Survival("none")),
    ],
)
def test_what_a_configuration_does_with_states(text: str, wanted: Survival) -> None:
    assert survival_of(text, "sparkle") == wanted


def test_the_noun_is_checked() -> None:
    good = {"host": "lb1", "backend": "sparkle", "server": "app1"}
    assert str(Door.from_params(good).socket) == "/run/haproxy/admin.sock"
    assert Door.from_params(good, "app2").name == "sparkle/app2"
    for key, value in [("socket", "run/x"), ("socket", "/run/../x"), ("drain_within", "soon")]:
        with pytest.raises(BadInput, match=f"traffic.{key}"):
            Door.from_params({**good, key: value})
    with pytest.raises(BadInput, match=r"traffic\.ready_within"):
        Door.from_params({**good, "ready_within": -1})


@pytest.mark.parametrize(("key", "value"), [("last", "maybe"), ("weight", 101), ("weight", -1)])
def test_the_call_is_checked(key: str, value: object) -> None:
    run = {"id": "r", "epoch": 1, "system": "sparkle", "host": "lb1", "state": "/nowhere"}
    noun = {"host": "lb1", "backend": "sparkle", "server": "app1"}
    with pytest.raises(BadInput, match=key):
        Task.from_params({"action": "close", "run": run, "traffic": noun, key: value})
