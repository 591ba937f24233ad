"""The number of threads in C++: the same control groups limit it as in Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from mime_fast.engines.threads import default_threads
from tests.capi.conftest import Probe
from tests.engines import test_cpu_limit
from tests.engines.test_cpu_limit import (  # noqa: F401 - they run here with the other function
    test_a_container_sees_its_own_group_at_the_mount,
    test_a_group_that_is_not_mounted_has_the_limit_of_the_mount,
    test_a_huge_quota_limits_nothing,
    test_a_mount_without_an_absolute_path_is_passed_over,
    test_both_versions_at_once,
    test_bytes_that_are_no_utf_8,
    test_groups_above_count_in_version_1,
    test_malformed_tables_leave_the_usual_places,
    test_no_groups_limit_nothing,
    test_paths_with_blanks_and_colons,
    test_the_group_of_the_process_and_all_above_it_count,
    test_the_least_limit_holds,
    test_values_of_version_1,
    test_values_of_version_2,
)


@pytest.fixture(autouse=True)
def in_cpp(monkeypatch: pytest.MonkeyPatch, probe: Probe) -> None:
    """Let the tests call C++ in place of Python."""

    def cpu_quota(root: Path = Path("/")) -> int | None:
        found = probe("cpu_quota", f"{root}/")
        return int(found) if found else None

    monkeypatch.setattr(test_cpu_limit, "cpu_quota", cpu_quota)


def test_the_default(probe: Probe) -> None:
    assert int(probe("default_threads")) == default_threads()
