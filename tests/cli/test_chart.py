"""The bars beside a reply, in terminals of any width."""

from pathlib import Path

import pytest
from rich.console import Console

from mime_fast import Generator
from mime_fast.cli.show import chart


@pytest.mark.parametrize("width", [8, 20, 34, 35, 40, 53, 80, 300])
def test_no_width_cuts_a_name_or_a_number(tiny_checkpoint: Path, width: int) -> None:
    response = Generator(tiny_checkpoint).respond("I lost my dog", seed=1)
    console = Console(width=width, highlight=False, emoji=False, soft_wrap=True)
    with console.capture() as capture:
        console.print(chart(response, width))
    lines = capture.get().splitlines()
    assert max(map(len, lines)) <= width
    assert ("█" in capture.get()) is (width >= 35)
    shown = "".join(capture.get().split())
    for shares in (response.emotions, response.mixture.positive, response.mixture.negative):
        for name, share in sorted(shares.items(), key=lambda item: -item[1])[:3]:
            assert name in shown
            assert f"{share:.0%}" in shown
