"""The house rules: who may import whom, how long a module may be, one list of dependencies."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FILES = [path for path in (ROOT / "nstlib").rglob("*.py") if path.stem != "__init__"]
MODULES = {}  # {module: its files}; a package is one module
for file in FILES:
    MODULES.setdefault(file.relative_to(ROOT / "nstlib").parts[0].removesuffix(".py"), []).append(
        file
    )
MAY_IMPORT = {
    "downloads": set(),
    "data": {"downloads"},
    "writing": set(),
    "images": {"writing"},
    "devices": set(),
    "checkpoints": set(),
    "pretrained": {"checkpoints", "downloads"},
    "stages": set(),
    "features": {"checkpoints", "data", "devices", "pretrained", "stages"},
    "losses": set(),
    "synthesis": set(),
    "checks": {"colors", "losses"},
    "colors": {"images"},
    "masks": {"images"},
    "crops": {"images"},
    "clips": {"images", "writing"},
    "feedforward": {"crops", "data", "features", "images", "losses", "writing"},
    "superresolution": {"crops", "data", "feedforward", "features", "images", "losses"},
    "recipes": {"features", "losses", "synthesis", "images", "colors", "masks"},
    "plots": {"images"},
    "widgets": {
        "data",
        "devices",
        "images",
        "features",
        "losses",
        "masks",
        "synthesis",
        "recipes",
        "plots",
    },
    "__main__": {
        "checkpoints",
        "clips",
        "data",
        "features",
        "feedforward",
        "images",
        "pretrained",
        "recipes",
    },
}
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base", "build": "python-build"}


def imported(path):
    """Names of the nstlib modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "nstlib":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nstlib."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("nstlib.")]
            yield from (name.split(".")[1] for name in names)


def test_every_module_has_its_row():
    assert set(MODULES) == set(MAY_IMPORT)


@pytest.mark.parametrize("module", MAY_IMPORT)
def test_imports_keep_the_table(module):
    found = {name for path in MODULES[module] for name in imported(path)}
    assert found - {module} <= MAY_IMPORT[module]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_one_room(path):
    tree = ast.parse(path.read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert all(function_length(node) <= 35 for node in functions)


def function_length(node):
    documented = ast.get_docstring(node, clean=False) is not None
    first = node.body[1] if documented and len(node.body) > 1 else node.body[0]
    return node.end_lineno - first.lineno + 1


def test_public_functions_are_documented():
    for path in FILES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name[0] != "_":
                assert ast.get_docstring(node), f"{path.name}: {node.name} has no docstring"


def split_requirement(text):
    name, version = re.match(r"([A-Za-z0-9._-]+)(.*)", text.strip()).groups()
    return CONDA_NAMES.get(name, name), version


def test_environment_yml_equals_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["test"]
    wanted = dict(map(split_requirement, wanted))
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pip_part = next(entry["pip"] for entry in listed if isinstance(entry, dict))
    names = [entry for entry in listed if isinstance(entry, str)]
    names += [entry for entry in pip_part if not entry.startswith("-e")]
    found = dict(map(split_requirement, names))
    assert found.pop("python") == project["requires-python"]
    found.pop("pip")
    assert found == wanted
    assert "-e ." in pip_part


def test_the_wheel_carries_every_picture():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    carried = set(config["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"])
    files = (ROOT / "data").iterdir()
    pictures = {f"data/{path.name}" for path in files if path.suffix in (".jpg", ".png")}
    assert carried == pictures | {"data/manifest.json"}
