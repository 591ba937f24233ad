"""What control groups allow, in trees of every form that Linux gives a process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mime_fast.engines import threads
from mime_fast.engines.cpu_limit import cpu_quota

V2 = "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate"
V1 = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct"
MEMORY = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"
HYBRID = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw"


def tree(root: Path, group: str, mounts: str, **files: str) -> Path:
    """A file system with these files; `__` stands for a slash."""
    named = {name.replace("__", "/"): text for name, text in files.items()}
    named |= {"proc/self/cgroup": group, "proc/self/mountinfo": mounts}
    for name, text in named.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def v1(root: Path, folder: str, quota: str, period: str) -> None:
    group = root / "sys/fs/cgroup/cpu,cpuacct" / folder
    group.mkdir(parents=True, exist_ok=True)
    (group / "cpu.cfs_quota_us").write_text(quota, encoding="ascii")
    (group / "cpu.cfs_period_us").write_text(period, encoding="ascii")


def v2(root: Path, folder: str, limit: str, mount: str = "sys/fs/cgroup") -> None:
    group = root / mount / folder
    group.mkdir(parents=True, exist_ok=True)
    (group / "cpu.max").write_text(limit, encoding="ascii")


def test_no_groups_limit_nothing(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path) is None
    assert cpu_quota(tree(tmp_path, "", "")) is None


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),  # rounded up
        ("1000 100000\n", 1),
        ("20000 10000\n", 2),
        ("300000\n", 3),  # the usual period
        ("max 100000\n", None),
        ("max\n", None),
        ("", None),
        ("\n", None),
        ("0 100000\n", None),
        ("-1 100000\n", None),
        ("100000 0\n", None),
        ("100000 -5\n", None),
        ("many 100000\n", None),
        ("100000 often\n", None),
        ("1e5 100000\n", None),
    ],
)
def test_values_of_version_2(tmp_path: Path, limit: str, expected: int | None) -> None:
    v2(tree(tmp_path, "0::/\n", V2), "", limit)
    assert cpu_quota(tmp_path) == expected


def test_a_huge_quota_limits_nothing(tmp_path: Path) -> None:
    v2(tree(tmp_path, "0::/\n", V2), "", "9223372036854775807 1\n")
    quota = cpu_quota(tmp_path)
    assert quota is not None
    assert quota >= 2**31 - 1


@pytest.mark.parametrize("limited", ["", "pods", "pods/pod7", "pods/pod7/app"])
def test_the_group_of_the_process_and_all_above_it_count(tmp_path: Path, limited: str) -> None:
    tree(tmp_path, "0::/pods/pod7/app\n", V2)
    for folder in ("", "pods", "pods/pod7", "pods/pod7/app", "pods/pod7/app/below", "pods/pod8"):
        v2(tmp_path, folder, "max 100000\n")
    v2(tmp_path, "pods/pod8", "100000 100000\n")  # not above it
    v2(tmp_path, "pods/pod7/app/below", "100000 100000\n")
    assert cpu_quota(tmp_path) is None
    v2(tmp_path, limited, "300000 100000\n")
    assert cpu_quota(tmp_path) == 3


def test_the_least_limit_holds(tmp_path: Path) -> None:
    tree(tmp_path, "0::/a/b\n", V2)
    v2(tmp_path, "a", "200000 100000\n")
    v2(tmp_path, "a/b", "800000 100000\n")
    assert cpu_quota(tmp_path) == 2


@pytest.mark.parametrize(
    ("quota", "period", "expected"),
    [
        ("250000\n", "100000\n", 3),
        ("50000\n", "50000\n", 1),
        ("-1\n", "100000\n", None),
        ("0\n", "100000\n", None),
        ("", "100000\n", None),
        ("100000\n", "", None),
        ("100000\n", "0\n", None),
        ("100000\n", "x\n", None),
    ],
)
def test_values_of_version_1(tmp_path: Path, quota: str, period: str, expected: int | None) -> None:
    tree(tmp_path, "5:cpu,cpuacct:/docker/abc\n3:memory:/other\n", f"{MEMORY}\n{V1}\n")
    v1(tmp_path, "docker/abc", quota, period)
    assert cpu_quota(tmp_path) == expected


def test_groups_above_count_in_version_1(tmp_path: Path) -> None:
    tree(tmp_path, "5:cpuacct,cpu:/slurm/job_3/step_0\n", V1)
    v1(tmp_path, "slurm/job_3/step_0", "-1\n", "100000\n")
    v1(tmp_path, "slurm/job_3", "200000\n", "100000\n")
    assert cpu_quota(tmp_path) == 2


def test_both_versions_at_once(tmp_path: Path) -> None:
    tree(tmp_path, "5:cpu,cpuacct:/a\n0::/b\n", f"{V1}\n{HYBRID}\n")
    v1(tmp_path, "a", "300000\n", "100000\n")
    assert cpu_quota(tmp_path) == 3
    v2(tmp_path, "b", "200000 100000\n", "sys/fs/cgroup/unified")
    assert cpu_quota(tmp_path) == 2


def test_a_container_sees_its_own_group_at_the_mount(tmp_path: Path) -> None:
    """Docker without a namespace of groups: the path is the host's, the mount the container's."""
    mount = V1.replace("0:29 / /sys", "0:29 /docker/abc /sys")
    v1(tree(tmp_path, "5:cpu,cpuacct:/docker/abc\n", mount), "", "200000\n", "100000\n")
    assert cpu_quota(tmp_path) == 2


@pytest.mark.parametrize("group", ["/docker/abc", "/", "/../other", "/docker/abc (deleted)"])
def test_a_group_that_is_not_mounted_has_the_limit_of_the_mount(tmp_path: Path, group: str) -> None:
    v2(tree(tmp_path, f"0::{group}\n", V2), "", "100000 100000\n")
    assert cpu_quota(tmp_path) == 1


def test_paths_with_blanks_and_colons(tmp_path: Path) -> None:
    mount = V2.replace("/sys/fs/cgroup", "/mnt/my\\040groups")
    tree(tmp_path, "0::/app:web 2\n", mount)
    v2(tmp_path, "app:web 2", "200000 100000\n", "mnt/my groups")
    assert cpu_quota(tmp_path) == 2


@pytest.mark.parametrize("mounts", ["", "\n\n", "1 2 3\n", "a - cgroup2\n", "x" * 5000])
@pytest.mark.parametrize("group", ["", "nonsense\n", "0::\n", "::\n", "0::relative\n", "0::/\0\n"])
def test_malformed_tables_leave_the_usual_places(tmp_path: Path, group: str, mounts: str) -> None:
    v2(tree(tmp_path, group, mounts), "", "200000 100000\n")
    assert cpu_quota(tmp_path) == 2


def test_a_mount_without_an_absolute_path_is_passed_over(tmp_path: Path) -> None:
    v2(tree(tmp_path, "0::/\n", V2.replace("/sys/fs/cgroup", "sys")), "", "200000 100000\n")
    assert cpu_quota(tmp_path) == 2


def test_bytes_that_are_no_utf_8(tmp_path: Path) -> None:
    tree(tmp_path, "", V2)
    (tmp_path / "proc/self/cgroup").write_bytes(b"0::/\xff\n")
    group = tmp_path / "sys/fs/cgroup" / os.fsdecode(b"\xff")
    group.mkdir(parents=True)
    (group / "cpu.max").write_bytes(b"100000 100000\n")
    assert cpu_quota(tmp_path) == 1
    (group / "cpu.max").write_bytes(b"\xff\xfe 100000\n")
    assert cpu_quota(tmp_path) is None


def test_a_quota_limits_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_physical_cores", lambda: 8)
    monkeypatch.setattr(threads, "_python_cpus", lambda: 8)
    for quota, expected in {None: 4, 1: 1, 3: 3, 64: 4}.items():
        monkeypatch.setattr(threads, "cpu_quota", lambda quota=quota: quota)
        assert threads.default_threads() == expected


DEFAULT = "from mime_fast.engines.threads import default_threads; print(default_threads())"


def test_an_affinity_mask_limits_the_threads() -> None:
    """A process with the mask that taskset would set uses one thread."""
    one = f"import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); {DEFAULT}"
    result = subprocess.run([sys.executable, "-c", one], capture_output=True, check=True)
    assert result.stdout == b"1\n"


def test_python_is_told_how_many_processors_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_physical_cores", lambda: 8)
    monkeypatch.setattr(threads, "cpu_quota", lambda: None)
    monkeypatch.setattr(os, "process_cpu_count", lambda: 2, raising=False)
    assert threads.default_threads() == 2
    monkeypatch.setattr(os, "process_cpu_count", lambda: None)
    assert threads.default_threads() == 4


@pytest.mark.skipif(sys.version_info < (3, 13), reason="from Python 3.13 on")
def test_the_variable_of_python_limits_the_threads() -> None:
    environment = os.environ | {"PYTHON_CPU_COUNT": "1"}
    command = [sys.executable, "-c", DEFAULT]
    result = subprocess.run(command, capture_output=True, check=True, env=environment)
    assert result.stdout == b"1\n"
