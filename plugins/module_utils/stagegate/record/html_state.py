"""The parts of the page on hosts: what serves, the gates, the copies, what went back."""

from __future__ import annotations

from typing import Any

from .chart import readable, samples_plot
from .html_table import card, fold, pill, table
from .markup import Markup, el, joined
from .text import DASH, figure, measure, size
from .view import Record, gate_rows, notes, went_back, worst_first


def hosts(record: Record) -> Markup | None:
    """Each host's verdict, the release that serves there, and its data."""
    rows = [
        (
            host,
            pill(told["verdict"]),
            told["release"] or DASH,
            joined(told["data"], el("small", told["reason"]) if told["reason"] else None),
        )
        for host, told in worst_first(record)
    ]
    return card("Hosts", table(("Host", "Verdict", "Serves", "Data"), rows)) if rows else None


def gates(record: Record) -> Markup | None:
    """Every gate with its figures and a drawing of its samples."""
    found = gate_rows(record)
    if not found:
        return None
    heads = ("Gate", "Verdict", "Target", "Limit", "Baseline", "Actual", "Samples")
    kinds = [
        k for k in ("limit", "target", "baseline") if any(g.get(k) is not None for _, g in found)
    ]
    key = [el("span", el("i", class_=f"line {k}"), k) for k in kinds]
    plots = any(len(readable(g.get("samples"))) > 1 for _, g in found)
    worst = worst_of_each(found)
    every = [gate_row(host, gate) for host, gate in found]
    rest = fold([el("span", f"All {len(found)} results", class_="grow")], table(heads, every))
    return card(
        "Gates",
        table(heads, [gate_row(host, gate) for host, gate in worst]),
        el("div", *key, class_="key") if plots else None,
        rest if len(found) > len(worst) else None,
        note="the worst result of each" if len(found) > len(worst) else "",
    )


def known_before(record: Record) -> Markup | None:
    """Known issues, limitations and expected benefits, as they stood with the baseline."""
    parts = [
        joined(el("h3", title), el("ul", *(el("li", one) for one in said)))
        for title, said in notes(record)
    ]
    return card("Known before", *parts) if parts else None


def worst_of_each(found: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """Of each gate the worst result, of equals the last."""
    worst: dict[str, tuple[str, dict[str, Any]]] = {}
    for host, gate in found:
        held = worst.get(gate["name"])
        if held is None or rank(gate) >= rank(held[1]):
            worst[gate["name"]] = (host, gate)
    return list(worst.values())


def rank(gate: dict[str, Any]) -> int:
    """How bad a verdict is."""
    return ("green", "pending", "amber", "unknown", "red").index(gate["verdict"])


def gate_row(host: str, gate: dict[str, Any]) -> tuple[Any, ...]:
    """One result of a gate; a figure that was not measured is a dash."""
    unit = str(gate.get("unit") or "")
    place = " · ".join(filter(None, (host, str(gate.get("window") or ""))))
    name = joined(gate["name"], el("small", place) if place and place != gate["name"] else None)
    why = el("small", gate["reason"]) if gate.get("reason") else None
    count = len(readable(gate.get("samples")))
    return (
        name,
        joined(pill(gate["verdict"]), why),
        *(measure(gate.get(k), unit) for k in ("target", "limit", "baseline", "actual")),
        samples_plot(gate) or (f"{count}" if count else DASH),
    )


def windows(record: Record) -> Markup | None:
    """The windows that outlive the deployment, with what was not seen in them."""
    rows = [
        (
            joined(w["name"], el("small", f"{host} · {w['from']} to {w['to']}")),
            joined(pill(w["verdict"]), el("small", w["reason"]) if w["reason"] else None),
            f"{w['looks']}",
            DASH if w["covered"] is None else f"{w['covered']:.0%}",
            joined(*(el("div", gap) for gap in w["gaps"])) if w["gaps"] else DASH,
        )
        for host, told in record["hosts"].items()
        for w in told["windows"]
    ]
    heads = ("Window", "Verdict", "Looks", "Seen", "Not seen")
    return card("Windows", table(heads, rows)) if rows else None


def validation(record: Record) -> Markup | None:
    """Metric, target, actual and status; pending until it is measured."""
    rows = []
    for host, told in record["hosts"].items():
        for row in told["validation"]:
            unit = str(row["unit"] or "")
            aim = row["target"] if row["target"] is not None else row["limit"]
            rows.append(
                (
                    joined(row["metric"], el("small", f"{host} · {row['window']}")),
                    measure(aim, unit),
                    measure(row["actual"], unit),
                    pill(row["status"]),
                )
            )
    heads = ("Metric", "Target", "Actual", "Status")
    return card("Validation", table(heads, rows)) if rows else None


def backups(record: Record) -> Markup | None:
    """What was copied before anything changed, with digest and rows."""
    rows = [
        (
            joined(b["store"], el("small", f"{host} · {b['step']}")),
            el("span", b["path"], class_="mono"),
            size(b["bytes"]),
            b["sha256"],
            ", ".join(f"{table_name} {figure(n)}" for table_name, n in b["rows"].items()) or DASH,
        )
        for host, told in record["hosts"].items()
        for b in told["backups"]
    ]
    heads = ("Store", "Path", "Size", "SHA-256", "Rows")
    return card("Backups", table(heads, rows)) if rows else None


def rollback(record: Record) -> Markup | None:
    """What went back on each host, how far, and why no further."""
    rows = [
        (
            host,
            joined(back["class"] or DASH, el("small", back["reason"]) if back["reason"] else None),
            joined(*(back_step(s) for s in back["steps"])),
        )
        for host, back in went_back(record)
    ]
    return card("Going back", table(("Host", "Class", "Steps"), rows)) if rows else None


def back_step(step: dict[str, Any]) -> Markup:
    """One step of the way back."""
    told = el("small", step["told"]) if step["told"] else None
    mark = {"done": "green", "failed": "red"}.get(step["outcome"], "pending")
    words = "" if mark == "green" else f" {step['outcome']}"
    return el("div", step["step"], words, told)
