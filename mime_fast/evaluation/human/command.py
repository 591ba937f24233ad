"""`mime-fast annotate`: files of replies -> the page, or the results."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path
from socket import gethostname
from typing import Any

from mime_fast.evaluation.human.database import clear_errors
from mime_fast.evaluation.human.desk import Desk
from mime_fast.evaluation.human.options import AnnotateOptions
from mime_fast.evaluation.human.plan import Pair, Plan, draw_plan
from mime_fast.evaluation.human.results import compute_results
from mime_fast.evaluation.human.server import listen, serve
from mime_fast.evaluation.human.tables import show
from mime_fast.evaluation.human.votes import VoteStore
from mime_fast.evaluation.outputs.files import read_outputs
from mime_fast.evaluation.outputs.outputs import Outputs
from mime_fast.files import check_file
from mime_fast.text.examples import find_examples, load_examples


def annotate(files: Sequence[Path], data: Path, database: Path, options: AnnotateOptions) -> None:
    """Serve the page until interrupted, or print the results. See read_plan."""
    check_database(database, create=not options.shows_results)
    plan = read_plan(
        files,
        data,
        systems=options.system,
        pairs=options.pair,
        decoding=options.decoding,
        contexts=options.contexts,
        seed=options.seed,
    )
    if options.shows_results:
        show_results(plan, database, as_json=options.as_json)
    else:
        serve_page(plan, database, options.host, options.port)


def read_plan(
    files: Sequence[Path],
    data: Path,
    *,
    systems: Sequence[str] = (),
    pairs: Sequence[str] = (),
    **options: Any,
) -> Plan:
    """The plan of an evaluation.

    Args:
        files: Of replies, one system or several in each.
        data: The examples that they answer.
        systems: Names of those to evaluate, in that order; none: all.
        pairs: `first:second`, names of systems; none: the first with every other.
        options: Of draw_plan.
    """
    examples = load_examples(find_examples(data))
    known = [system for file in files for system in read_outputs(file, examples)]
    outputs = _choose(known, systems) if systems else known
    names = [system.system for system in outputs]
    return draw_plan(examples, outputs, pairs=[_pair(pair, names) for pair in pairs], **options)


def check_database(database: Path, *, create: bool) -> None:
    """Check that a database can be written, or is there; before anything else is read.

    WriteError: it cannot be written. FileNotFoundError: it is not there, and not to be made.
    """
    if create:
        check_file(database)
    elif not database.is_file():
        raise FileNotFoundError(
            f"no database at {database}; collect votes first, or give another --database"
        )


def serve_page(plan: Plan, database: Path, host: str, port: int) -> None:
    """Serve the page until interrupted."""
    with listen(host, port) as listener, closing(VoteStore(database, plan)) as store:
        port = listener.getsockname()[1]
        print(f"{_url(host, port)} asks about {', '.join(plan.texts)}", flush=True)
        print(f"votes are stored in {database}; Ctrl-C stops", flush=True)
        serve(Desk(plan, store), listener, host)


def show_results(plan: Plan, database: Path, *, as_json: bool) -> None:
    """Print what the votes of a database say."""
    with clear_errors(database), closing(VoteStore(database, plan, create=False)) as store:
        show(compute_results(plan, store.latest()), as_json=as_json)


def _url(host: str, port: int) -> str:
    try:
        address = ip_address(host)
    except ValueError:
        return f"http://{host}:{port}"
    if address.is_unspecified:  # all addresses of this machine: others know it by name
        return f"http://{gethostname()}:{port}"
    return f"http://[{host}]:{port}" if address.version == 6 else f"http://{host}:{port}"


def _choose(outputs: list[Outputs], systems: Sequence[str]) -> list[Outputs]:
    known = [output.system for output in outputs]
    for system in systems:
        if system not in known:
            raise ValueError(f"no file holds the system {system!r}; use some of {', '.join(known)}")
    return [output for system in systems for output in outputs if output.system == system]


def _pair(text: str, names: Sequence[str]) -> Pair:
    """Cut `first:second`, where names may hold colons themselves."""
    for first in names:
        if text.startswith(f"{first}:") and text.removeprefix(f"{first}:") in names:
            return first, text.removeprefix(f"{first}:")
    raise ValueError(f"--pair must be FIRST:SECOND, of {', '.join(names)}, got {text!r}")
