"""Writes every case of tests/compose as one input of the fuzz target.

usage: seeds.py FOLDER
"""

import json
import pathlib
import sys

cases = pathlib.Path(__file__).parent.parent / "tests/compose"
target = pathlib.Path(sys.argv[1])
target.mkdir(parents=True, exist_ok=True)
for folder in sorted(path for path in cases.iterdir() if path.is_dir()):
    sections = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = str(path.relative_to(folder))
        if name == "case.json":
            case = json.loads(path.read_text())
            sections["@files"] = "\n".join(case.get("files", []))
            sections["@flags"] = "\n".join(case.get("flags", []))
            pairs = case.get("environment", {}).items()
            sections["@environment"] = "\n".join(f"{name}={value}" for name, value in pairs)
        elif not name.startswith("expected."):
            sections[name] = path.read_bytes().decode("utf-8", "surrogateescape")
    text = "".join(f"%%% {name}\n{text}\n" for name, text in sections.items() if text)
    (target / folder.name).write_bytes(text.encode("utf-8", "surrogateescape"))
