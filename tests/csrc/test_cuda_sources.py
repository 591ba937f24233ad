"""The CUDA sources compile, and spill nothing."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "csrc").rglob("*.cu"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_it_compiles(source: Path, architecture: str, tmp_path: Path) -> None:
    """An addition of 64 bits in shared memory would be a loop over compare-and-swap."""
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("there is no nvcc")
    folders = [f"-I{ROOT / 'csrc'}", f"-I{ROOT / 'csrc' / 'include'}"]
    flags = ["-std=c++17", "-O3", f"-arch={architecture}", "-Werror=all-warnings", "-Xptxas=-v"]
    flags += ["--expt-relaxed-constexpr"]  # as CMakeLists.txt
    flags += ["--keep", f"--keep-dir={tmp_path}"]
    command = [nvcc, *flags, *folders, "-c", str(source), "-o", str(tmp_path / "out.o")]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    spilled = re.findall(r"(\d+) bytes spill stores", result.stderr)
    assert spilled
    assert set(spilled) == {"0"}
    (code,) = (path.read_text() for path in tmp_path.glob("*.ptx"))
    atomics = set(re.findall(r"atom\.shared\.\S+", code))
    assert atomics
    assert not [each for each in atomics if "64" in each]
