"""README.md's commands and the answers it shows; `python -m tests.readme` renews them from a running service."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

README = Path(__file__).parents[1] / "README.md"
ADDRESS = "http://127.0.0.1:8080"
# A shell block of one curl line, and the JSON block behind it.
SHOWN = re.compile(r"```sh\n(?P<command>curl [^\n]+)\n```\n\n```json\n(?P<answer>.*?)\n```", re.DOTALL)


def list_shown() -> list[tuple[str, Any]]:
    """Pairs of a command and the answer that the README shows."""
    return [(match["command"], json.loads(match["answer"])) for match in SHOWN.finditer(README.read_text())]


def list_blocks(path: Path, language: str) -> list[str]:
    """The code blocks of a document in one language."""
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(), re.DOTALL)


def ask(command: str, address: str = ADDRESS) -> Any:
    """The JSON that a curl line of the README gets, from the gateway at `address`."""
    line = command.replace(ADDRESS, address).replace("curl ", "curl --silent --show-error ", 1)
    done = subprocess.run(line, shell=True, cwd=README.parent, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def layout(answer: Any) -> str:
    """JSON with the innermost objects on one line."""
    text = json.dumps(answer, indent=2, ensure_ascii=False)
    return re.sub(r"\{\n\s+([^{}\[\]]+?)\n\s+\}", lambda match: "{" + re.sub(r"\n\s+", " ", match[1]) + "}", text)


def main() -> None:
    def renew(match: re.Match) -> str:
        return f"```sh\n{match['command']}\n```\n\n```json\n{layout(ask(match['command']))}\n```"

    README.write_text(SHOWN.sub(renew, README.read_text()))


if __name__ == "__main__":
    main()
