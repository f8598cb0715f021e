#!/usr/bin/env python3
"""Makes a virtual environment that can run `pymesos_framework.py`.

    python3 end2end/clients/pymesos_install.py target/clients/pymesos

Doing nothing when the environment is complete already, it may be called before every run.

pymesos itself installs as published. Its dependency http-parser no longer builds: its C file was
generated for Python 3.7, and its setup script imports a module that Python 3.12 removed. The
package also holds a parser in plain Python, which it falls back to by itself and which pymesos
provides for; so only its Python files are unpacked, unchanged.
"""

import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import venv

PYMESOS = "pymesos==0.3.15"
HTTP_PARSER = "http-parser==0.9.0"
OTHERS = ["addict==2.4.0", "kazoo==2.11.0", "six==1.17.0"]
CHECK = "import addict, kazoo, pymesos; from http_parser.http import HttpParser"

# What http-parser's setup script wants of the module that is gone.
IMP = """
import importlib.util
def load_source(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
"""


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: pymesos_install.py FOLDER")
    folder = pathlib.Path(sys.argv[1]).absolute()
    python = folder / "bin" / "python"
    if python.exists() and subprocess.call([python, "-c", CHECK]) == 0:
        return
    venv.create(folder, with_pip=True, clear=True)
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.check_call([*pip, "install", "setuptools<81", "wheel", *OTHERS])
    subprocess.check_call([*pip, "install", "--no-deps", PYMESOS])
    with tempfile.TemporaryDirectory() as scratch:
        (pathlib.Path(scratch) / "imp.py").write_text(IMP)
        subprocess.check_call(
            [*pip, "download", "--no-deps", "--no-build-isolation", "--no-binary", ":all:",
             "--dest", scratch, HTTP_PARSER],
            env={**os.environ, "PYTHONPATH": scratch},
        )
        (archive,) = pathlib.Path(scratch).glob("http*.tar.gz")
        site = subprocess.check_output(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
        )
        unpack(archive, pathlib.Path(site.strip()))
    subprocess.check_call([python, "-c", CHECK])


def unpack(archive, site):
    """Copies the Python files of the package `http_parser` out of the archive."""
    with tarfile.open(archive) as files:
        for member in files:
            inside = pathlib.PurePosixPath(member.name).parts[1:]
            if member.isfile() and inside[:1] == ("http_parser",) and member.name.endswith(".py"):
                target = site.joinpath(*inside)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(files.extractfile(member).read())


if __name__ == "__main__":
    main()
